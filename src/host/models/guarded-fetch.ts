import type { Clock } from '../../base/clock.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { createWatchdog, type Watchdog } from './watchdog.ts';

/**
 * A `fetch` for exactly one model call. It bounds what a provider can do to us: how long it may be silent, how many bytes
 * it may send, and that an answer which is not a stream is reported as what it is. Time counts only while we wait for
 * the provider, not while the reader of the stream is busy.
 */
export interface StreamLimits {
  /** Until the answer's head. Long, because local servers load a model first. */
  readonly firstByteTimeoutMs: number;
  /** Between two chunks. */
  readonly idleTimeoutMs: number;
  readonly maxBytes: number;
}

export const DEFAULT_STREAM_LIMITS: StreamLimits = {
  firstByteTimeoutMs: 300_000,
  idleTimeoutMs: 120_000,
  maxBytes: 64 * 1_024 * 1_024,
};

export interface GuardedFetchConfig {
  readonly provider: string;
  readonly limits: StreamLimits;
  readonly clock: Clock;
  readonly fetch: typeof globalThis.fetch;
}

const EXCERPT_CHARS = 200;
const NOT_A_STREAM = /^(text\/html|application\/json|application\/xml|text\/xml)\b/;

export function createGuardedFetch(config: GuardedFetchConfig): typeof globalThis.fetch {
  let used = false;
  return async (input, init) => {
    // The vault charges a call id once; a package that wants to go on in a second request would go on unpaid.
    if (used) throw new HoldfastError('conflict', 'A model call sends one request.');
    used = true;
    const { provider, limits, clock } = config;
    const watchdog = createWatchdog({
      clock,
      parent: init?.signal ?? undefined,
      longestSleepMs: Math.min(limits.firstByteTimeoutMs, limits.idleTimeoutMs),
    });
    try {
      const response = await watchdog.during(
        limits.firstByteTimeoutMs,
        () => silence(provider, limits.firstByteTimeoutMs),
        config.fetch(input, { ...init, signal: watchdog.signal }),
      );
      return await checked(response, config, watchdog);
    } catch (error) {
      watchdog.stop();
      throw error;
    }
  };
}

async function checked(response: Response, config: GuardedFetchConfig, watchdog: Watchdog): Promise<Response> {
  const { status, headers } = response;
  const body = response.body === null ? null : guardedBody(response.body, config, watchdog);
  if (body === null) watchdog.stop();
  const guarded = new Response(body, { status, headers });
  const type = headers.get('content-type')?.toLowerCase() ?? '';
  if (!response.ok || !NOT_A_STREAM.test(type)) return guarded;
  const text = await guarded.text();
  const failure = statusOfErrorBody(text);
  if (failure !== undefined) return new Response(text, { status: failure, headers });
  throw new HoldfastError(
    'model.bad-response',
    `${config.provider} answered with ${type.split(';')[0]} instead of an event stream: ${excerpt(text)}`,
    { remedy: 'Check the base URL and that the endpoint can stream: `holdfast setup`.' },
  );
}

function guardedBody(
  body: ReadableStream<Uint8Array>,
  { provider, limits }: GuardedFetchConfig,
  watchdog: Watchdog,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let bytes = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const timeoutMs = limits.idleTimeoutMs;
        const next = await watchdog.during(timeoutMs, () => silence(provider, timeoutMs), reader.read());
        if (next.done) {
          watchdog.stop();
          controller.close();
          return;
        }
        bytes += next.value.byteLength;
        if (bytes > limits.maxBytes) throw tooLong(provider, limits.maxBytes);
        controller.enqueue(next.value);
      } catch (error) {
        watchdog.stop();
        controller.error(error);
        await reader.cancel(error).catch(() => {}); // already broken; there is nothing left to release
      }
    },
    async cancel(reason) {
      watchdog.stop();
      await reader.cancel(reason);
    },
  });
}

/** A proxy may wrap an error in status 200; the body says which it was. */
function statusOfErrorBody(text: string): number | undefined {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== 'object' || body === null || !('error' in body)) return undefined;
    const { error } = body;
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    return typeof code === 'number' && code >= 400 && code <= 599 ? code : 502;
  } catch {
    return undefined;
  }
}

function silence(provider: string, ms: number): HoldfastError {
  return new HoldfastError('timeout', `${provider} sent nothing for ${Math.round(ms / 1_000)} seconds.`, {
    remedy: 'It is tried again by itself; if this goes on, look at the provider’s status page or choose another model.',
    retryable: true,
  });
}

function tooLong(provider: string, maxBytes: number): HoldfastError {
  return new HoldfastError('model.bad-response', `${provider} sent more than ${maxBytes} bytes in one answer.`);
}

export function excerpt(text: string, chars = EXCERPT_CHARS): string {
  const flat = text.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  return flat.length > chars ? `${flat.slice(0, chars)}…` : flat;
}
