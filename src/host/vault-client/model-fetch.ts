import { type Dispatcher, fetch as undiciFetch } from 'undici';
import type { HoldfastError } from '../../protocol/error.ts';

/**
 * A `fetch` of the global's shape over the vault's socket. It exists because provider packages are written against the
 * global types: only what they use is passed on (method, headers, a text or byte body, signal), and the answer's bytes
 * stream through untouched.
 */
export function createModelFetch(
  dispatcher: Dispatcher,
  toError: (error: unknown) => HoldfastError,
): typeof globalThis.fetch {
  return async (input, init = {}) => {
    const { body, signal } = init;
    if (body !== undefined && body !== null && typeof body !== 'string' && !(body instanceof Uint8Array)) {
      throw new TypeError('modelFetch sends text and bytes only');
    }
    try {
      const response = await undiciFetch(input instanceof Request ? input.url : input, {
        method: init.method ?? 'GET',
        headers: [...new Headers(init.headers)],
        body: body ?? null,
        signal: signal ?? null,
        redirect: 'error',
        dispatcher,
      });
      return new Response(response.body, {
        status: response.status,
        statusText: response.statusText,
        headers: [...response.headers],
      });
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      throw toError(error);
    }
  };
}
