import { request } from '../../src/base/http.ts';

/** One JSON call over the host's socket, as the owner's programs make it. */
export async function callSocket(
  socketPath: string,
  { method, path, body }: { method: string; path: string; body?: unknown },
): Promise<{ status: number; body: unknown }> {
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const headers = payload ? { 'content-type': 'application/json', 'content-length': String(payload.length) } : {};
  return await new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path, headers: { host: 'localhost', ...headers }, agent: false });
    outgoing.on('error', reject);
    outgoing.on('response', (reply) => {
      const parts: Buffer[] = [];
      reply.on('data', (part: Buffer) => parts.push(part));
      reply.on('error', reject);
      reply.on('end', () => {
        const text = Buffer.concat(parts).toString('utf8');
        resolve({ status: reply.statusCode ?? 0, body: text === '' ? undefined : (JSON.parse(text) as unknown) });
      });
    });
    outgoing.end(payload);
  });
}
