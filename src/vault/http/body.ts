import type { IncomingMessage } from 'node:http';
import { HoldfastError } from '../../protocol/error.ts';

/** Reads a request's body whole, up to `limit` bytes. */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limit) return Promise.reject(tooLarge(announced, limit));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > limit) {
        request.pause();
        reject(tooLarge(bytes, limit));
      } else chunks.push(chunk);
    });
    request.on('end', () => {
      const [only] = chunks;
      resolve(chunks.length === 1 && only ? only : Buffer.concat(chunks));
    });
    const gone = (cause?: Error): void =>
      reject(new HoldfastError('cancelled', 'The caller went away before its request was complete.', { cause }));
    request.on('error', (error) => (request.complete ? reject(error) : gone(error)));
    request.on('close', () => {
      if (!request.complete) gone();
    });
  });
}

export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new HoldfastError('bad-request', 'The request body is not JSON.', { cause: error });
  }
}

function tooLarge(bytes: number, limit: number): HoldfastError {
  return new HoldfastError('too-large', `The request body has ${bytes} bytes or more; ${limit} are allowed.`, {
    remedy: 'Send less: shorten the conversation or the attachments.',
  });
}
