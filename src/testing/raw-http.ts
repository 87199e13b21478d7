import { type IncomingHttpHeaders, request } from 'node:http';

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** How the connection ended: `end` is a whole body. */
  readonly ended: 'end' | 'aborted' | 'error' | 'left';
  readonly error: unknown;
}

export interface RawRequest {
  readonly url: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Leaves once so many bytes came. */
  readonly leaveAfterBytes?: number;
}

/** POSTs JSON and keeps every byte that comes back, also of an answer that breaks. Never throws. */
export function rawPost({ url, body, headers = {}, leaveAfterBytes }: RawRequest): Promise<RawAnswer> {
  const { promise, resolve } = Promise.withResolvers<RawAnswer>();
  const chunks: Buffer[] = [];
  const head: { status: number; headers: IncomingHttpHeaders } = { status: 0, headers: {} };
  const finish = (ended: RawAnswer['ended'], error?: unknown): void =>
    resolve({ ...head, body: Buffer.concat(chunks), ended, error });
  const call = request(
    url,
    { method: 'POST', headers: { 'content-type': 'application/json', ...headers } },
    (response) => {
      head.status = response.statusCode ?? 0;
      head.headers = response.headers;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        if (leaveAfterBytes === undefined || Buffer.concat(chunks).length < leaveAfterBytes) return;
        finish('left');
        call.destroy();
      });
      response.on('end', () => finish('end'));
      response.on('error', (error) => finish('aborted', error));
    },
  );
  call.on('error', (error) => finish('error', error));
  call.end(typeof body === 'string' ? body : JSON.stringify(body));
  return promise;
}
