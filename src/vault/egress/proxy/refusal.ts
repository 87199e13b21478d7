import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Refused } from './door-context.ts';

/** How a refusal looks to the program in the sandbox: a status, and the sentence that tells how to allow it. */
const PHRASES = {
  400: 'Bad Request',
  403: 'Forbidden',
  431: 'Request Header Fields Too Large',
  502: 'Bad Gateway',
} as const;

/** On a socket of its own (CONNECT, upgrade). Many programs show only the first line, so the sentence is there too. */
export function refuseSocket(
  socket: Duplex,
  { status, message }: Pick<Refused, 'message'> & { status: keyof typeof PHRASES },
): void {
  if (socket.destroyed) return;
  const body = `${message}\n`;
  const phrase = /^[\x20-\x7e]{1,300}$/.test(message) ? message : PHRASES[status];
  socket.end(
    `HTTP/1.1 ${status} ${phrase}\r\nx-holdfast-egress: refused\r\ncontent-type: text/plain\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

export function refuseResponse(response: ServerResponse, { status, message }: Refused): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const body = Buffer.from(`${message}\n`);
  response.writeHead(status, PHRASES[status], {
    'x-holdfast-egress': 'refused',
    'content-type': 'text/plain',
    'content-length': body.length,
    connection: 'close',
  });
  response.end(body);
}
