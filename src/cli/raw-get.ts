import { connect } from 'node:net';
import { type ApiTarget, authHeaders, errorOf, hostHeader, unreachable } from './api-target.ts';

/**
 * One GET as plain HTTP/1.0 over `node:net`, which costs a third of loading `node:http`. Only for small replies of our
 * own host: it closes after answering and, to HTTP/1.0, never sends chunks.
 */
export function rawGet(target: ApiTarget, path: string, timeoutMs = 10_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(address(target));
    const parts: Buffer[] = [];
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`No answer within ${timeoutMs} ms.`)));
    socket.once('connect', () => socket.write(requestHead(target, path)));
    socket.on('data', (part: Buffer) => parts.push(part));
    socket.once('error', (error) => reject(unreachable(target, error)));
    socket.once('end', () => {
      const { status, body } = parseReply(Buffer.concat(parts).toString('utf8'));
      if (status === undefined) reject(unreachable(target, new Error('The connection ended without a reply.')));
      else if (status >= 200 && status < 300) resolve(body);
      else reject(errorOf(status, body));
      socket.destroy();
    });
  });
}

function address(target: ApiTarget): { path: string } | { host: string; port: number } {
  if ('socketPath' in target) return { path: target.socketPath };
  const url = new URL(target.url);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) };
}

function requestHead(target: ApiTarget, path: string): string {
  const headers = { host: hostHeader(target), accept: 'application/json', ...authHeaders(target) };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.0\r\n${lines.join('')}\r\n`;
}

function parseReply(text: string): { status: number | undefined; body: string } {
  const end = text.indexOf('\r\n\r\n');
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1];
  if (end === -1 || status === undefined) return { status: undefined, body: '' };
  return { status: Number(status), body: text.slice(end + 4) };
}
