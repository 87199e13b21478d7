import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { getBuiltinModule } from 'node:process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { request } from '../../base/http.ts';

/**
 * Requests over the vault's socket on connections that are kept. Node's own client: the `undici` package would cost the host
 * 27 MB and a third of its start.
 */
export interface VaultHttp extends Disposable {
  /** Resolves with the head; the body follows as a stream. Rejects when nobody answers or `signal` fires. */
  send(request: VaultRequest): Promise<IncomingMessage>;
}

type Body = string | Uint8Array | AsyncIterable<Uint8Array>;

export interface VaultRequest {
  readonly path: string;
  readonly method: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body?: Body | undefined;
  readonly signal?: AbortSignal | undefined;
}

export function createVaultHttp(socketPath: string): VaultHttp {
  const { Agent } = getBuiltinModule('node:http');
  const agent = new Agent({ keepAlive: true });

  const open = (options: VaultRequest): ClientRequest => {
    const { path, method, headers, signal } = options;
    const body = isWhole(options.body) ? { 'content-length': Buffer.byteLength(options.body) } : {};
    return request({
      ...{ socketPath, agent, path, method },
      headers: { host: 'vault', ...headers, ...body },
      ...(signal === undefined ? {} : { signal }),
    });
  };

  /** A kept connection may be closed by the vault in the moment in which we use it; then nothing was answered yet. */
  const attempt = (options: VaultRequest, mayRepeat: boolean): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const sent = open(options);
      sent.once('response', resolve);
      sent.once('error', (error) => {
        if (mayRepeat && sent.reusedSocket && isReset(error)) resolve(attempt(options, false));
        else reject(error);
      });
      if (options.body === undefined || isWhole(options.body)) sent.end(options.body);
      else pipeline(Readable.from(options.body), sent).catch((error: Error) => sent.destroy(error));
    });

  return {
    send: (options) => attempt(options, options.method === 'GET'),
    [Symbol.dispose]: () => agent.destroy(),
  };
}

function isWhole(body: Body | undefined): body is string | Uint8Array {
  return typeof body === 'string' || body instanceof Uint8Array;
}

function isReset(error: Error): boolean {
  return 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}
