import type { IncomingMessage } from 'node:http';
import { HoldfastError } from '../protocol/error.ts';
import { type ApiTarget, authHeaders, errorOf, hostHeader, unreachable } from './api-target.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** Sends one request and gives back the whole body; a refusal is thrown as the error it describes. */
export async function request(target: ApiTarget, { method, path, body, signal }: ApiRequest): Promise<Buffer> {
  const { request: open } = await import('../base/http.ts');
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const headers = {
    host: hostHeader(target),
    accept: 'application/json',
    ...authHeaders(target),
    ...(payload ? { 'content-type': 'application/json', 'content-length': String(payload.length) } : {}),
  };
  const where = 'socketPath' in target ? { socketPath: target.socketPath } : addressOf(target.url);
  const reply = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = open({ ...where, method, path, headers, agent: false, ...(signal ? { signal } : {}) }, resolve);
    outgoing.once('error', (error) => reject(signal?.aborted ? HoldfastError.from(error) : unreachable(target, error)));
    outgoing.end(payload);
  });
  return readReply(target, reply);
}

/** `http://` only: a remote host is reached through a tunnel or a TLS proxy of the owner's. */
function addressOf(url: string): { host: string; port: number } {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== 'http:') {
    throw new HoldfastError('bad-request', `The address ${url} is not an http:// address.`, {
      remedy: 'Give the address that `holdfast status` prints.',
    });
  }
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) };
}

async function readReply(target: ApiTarget, reply: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  try {
    for await (const part of reply) parts.push(part);
  } catch (error) {
    throw unreachable(target, error);
  }
  const body = Buffer.concat(parts);
  const status = reply.statusCode ?? 0;
  if (status >= 200 && status < 300) return body;
  throw errorOf(status, body.toString('utf8'));
}
