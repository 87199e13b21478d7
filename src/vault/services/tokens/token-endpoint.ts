import { HoldfastError } from '../../../protocol/error.ts';
import { type EgressException, readTarget } from '../../egress/target.ts';
import type { Outbound } from '../outbound.ts';

/**
 * Asks a token endpoint: a form or JSON goes in, a JSON object comes out. The place is the owner's own choice, written in
 * the credential, and is held to the same wall as any other; redirects are not followed, because the body is secret.
 */
export interface TokenEndpoint {
  post(url: string, ask: TokenAsk): Promise<TokenAnswer>;
}

export interface TokenAsk {
  readonly form?: Readonly<Record<string, string>>;
  readonly json?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface TokenAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const TIMEOUT_MS = 20_000;
const LONGEST_ANSWER = 1_048_576;

export interface TokenEndpointDeps {
  readonly outbound: Outbound;
  /** Private places that the owner opened, for whichever agent. */
  readonly exceptions: () => readonly EgressException[];
}

export function createTokenEndpoint({ outbound, exceptions }: TokenEndpointDeps): TokenEndpoint {
  return {
    post: async (url, { form, json, headers = {} }) => {
      const target = readTarget(url, exceptions());
      const body = form ? new URLSearchParams(form).toString() : JSON.stringify(json ?? {});
      const type = form ? 'application/x-www-form-urlencoded' : 'application/json';
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      try {
        await using answer = await outbound.send({
          target,
          method: 'POST',
          path: `${target.url.pathname}${target.url.search}`,
          headers: [
            ...Object.entries({
              accept: 'application/json',
              'content-type': type,
              'user-agent': 'holdfast',
              ...headers,
            }),
          ],
          body: Buffer.from(body),
          timeoutMs: TIMEOUT_MS,
          signal,
        });
        return { status: answer.status, body: await readObject(answer.body) };
      } catch (error) {
        if (error instanceof HoldfastError) throw error;
        const code = error instanceof Error && 'code' in error ? String(error.code) : 'no answer';
        throw new HoldfastError(
          'tool.failed',
          `${target.url.host}, which makes the tokens, cannot be asked (${code}).`,
          {
            retryable: true,
          },
        );
      }
    },
  };
}

async function readObject(body: AsyncIterable<Uint8Array>): Promise<Record<string, unknown>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > LONGEST_ANSWER) return {};
    chunks.push(chunk);
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {}; // Not JSON: whoever asked says what is missing.
  }
}

/** `error` of OAuth and Google, `message` of GitHub; cut, because a stranger wrote it. */
export function reasonOf({ status, body }: TokenAnswer): string {
  const text = [body.error, body.error_description, body.message].filter((part) => typeof part === 'string').join(': ');
  const plain = text.replaceAll(/[^\x20-\x7e]/g, ' ').slice(0, 200);
  return plain === '' ? `status ${status}` : `status ${status}, ${plain}`;
}
