import type { IncomingMessage } from 'node:http';
import { HoldfastError } from '../../protocol/error.ts';

/**
 * The body of a request as text, read from the connection itself so that no more than `limitBytes` is ever held,
 * whatever the client claims. On refusal the rest is left unread and the connection is not used again.
 */
export function readBody(incoming: IncomingMessage, limitBytes: number): Promise<string> {
  refuseDeclaredSize(incoming, limitBytes);
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    incoming.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes <= limitBytes) parts.push(part);
      else {
        incoming.pause();
        reject(tooLarge(limitBytes));
      }
    });
    incoming.once('end', () => resolve(Buffer.concat(parts).toString('utf8')));
    incoming.once('error', (error) =>
      reject(new HoldfastError('cancelled', 'The request broke off.', { cause: error })),
    );
    incoming.once('close', () => reject(new HoldfastError('cancelled', 'The request broke off.')));
  });
}

/** Refuses a request whose own Content-Length is too much, before anything of it is read. */
export function refuseDeclaredSize(incoming: IncomingMessage, limitBytes: number): void {
  if (Number(incoming.headers['content-length'] ?? 0) > limitBytes) throw tooLarge(limitBytes);
}

function tooLarge(limitBytes: number): HoldfastError {
  return new HoldfastError('too-large', 'The request is too large.', {
    remedy: `Send at most ${limitBytes} bytes.`,
    details: { limitBytes },
  });
}
