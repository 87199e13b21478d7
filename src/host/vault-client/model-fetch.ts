import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { HoldfastError } from '../../protocol/error.ts';
import type { VaultHttp } from './vault-http.ts';

const WITHOUT_BODY = new Set([204, 205, 304]);

/**
 * A `fetch` of the global's shape over the vault's socket. It exists because provider packages are written against the
 * global types: only what they use is passed on (method, headers, a text or byte body, signal), and the answer's bytes
 * stream through untouched. A redirect is an answer like any other; it is never followed.
 */
export function createModelFetch(http: VaultHttp, toError: (error: unknown) => HoldfastError): typeof globalThis.fetch {
  return async (input, init = {}) => {
    const { body, signal } = init;
    if (body !== undefined && body !== null && typeof body !== 'string' && !(body instanceof Uint8Array)) {
      throw new TypeError('modelFetch sends text and bytes only');
    }
    const { pathname, search } = new URL(input instanceof Request ? input.url : input);
    try {
      const answer = await http.send({
        path: `${pathname}${search}`,
        method: init.method ?? 'GET',
        headers: Object.fromEntries(new Headers(init.headers)),
        ...{ body: body ?? undefined, signal: signal ?? undefined },
      });
      return responseOf(answer, toError);
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      throw toError(error);
    }
  };
}

function responseOf(answer: IncomingMessage, toError: (error: unknown) => HoldfastError): Response {
  const status = answer.statusCode ?? 0;
  if (status >= 300 && status < 400) {
    answer.destroy();
    throw toError(new Error(`The vault answered a model call with a redirect (status ${status}).`));
  }
  const headers = new Headers();
  for (let at = 0; at + 1 < answer.rawHeaders.length; at += 2)
    headers.append(answer.rawHeaders[at] ?? '', answer.rawHeaders[at + 1] ?? '');
  const body = WITHOUT_BODY.has(status) ? null : streamOf(answer);
  return new Response(body, { status, statusText: answer.statusMessage ?? '', headers });
}

function streamOf(answer: IncomingMessage): ReadableStream<Uint8Array> {
  const stream: unknown = Readable.toWeb(answer);
  return stream as ReadableStream<Uint8Array>; // Node's own type of the same thing.
}
