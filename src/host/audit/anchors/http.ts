import { HoldfastError } from '../../../protocol/error.ts';

const LONGEST_ANSWER = 262_144;

/** One POST of an anchor. No redirects: the owner named one address. */
export async function post(
  url: string,
  { body, headers, signal }: { body: Uint8Array | string; headers: Record<string, string>; signal: AbortSignal },
): Promise<Buffer> {
  const sent = typeof body === 'string' ? body : Uint8Array.from(body);
  const response = await fetch(url, { method: 'POST', body: sent, headers, signal, redirect: 'error' }).catch(
    (error: unknown) => {
      throw new HoldfastError('timeout', `${new URL(url).host} could not be reached.`, {
        cause: error,
        retryable: true,
      });
    },
  );
  const answer = Buffer.from(await response.arrayBuffer());
  if (!response.ok)
    throw new HoldfastError('forbidden', `${new URL(url).host} answered with HTTP status ${response.status}.`);
  if (answer.length <= LONGEST_ANSWER) return answer;
  throw new HoldfastError('too-large', `${new URL(url).host} answered with ${answer.length} bytes.`);
}
