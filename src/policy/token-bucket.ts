/**
 * A token bucket: it holds a minute's worth and fills up evenly, so a burst of one minute passes and no minute lets more
 * than twice the figure through.
 */
export interface Bucket {
  readonly tokens: number;
  /** Unix milliseconds of `tokens`. */
  readonly at: number;
}

export type Taken =
  | { readonly ok: true; readonly bucket: Bucket }
  /** `retryAfterMs`: when there will be a whole token again. */
  | { readonly ok: false; readonly bucket: Bucket; readonly retryAfterMs: number };

const MINUTE_MS = 60_000;

export function takeToken(bucket: Bucket | undefined, perMinute: number, now: number): Taken {
  const before = bucket ?? { tokens: perMinute, at: now };
  // A clock that was set back neither fills nor empties a bucket.
  const passed = Math.max(0, now - before.at);
  const tokens = Math.min(perMinute, before.tokens + (passed * perMinute) / MINUTE_MS);
  const at = Math.max(now, before.at);
  if (tokens >= 1) return { ok: true, bucket: { tokens: tokens - 1, at } };
  return { ok: false, bucket: { tokens, at }, retryAfterMs: Math.ceil(((1 - tokens) * MINUTE_MS) / perMinute) };
}
