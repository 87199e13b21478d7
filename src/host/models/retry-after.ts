const LONGEST_MS = 86_400_000;
const IN_WORDS = /(?:retryDelay"?\s*:\s*"|try again in |retry after )(\d+(?:\.\d+)?)\s*(ms|s|m)?/i;

/** How long a provider asked us to wait: its headers first, else what it wrote. */
export function retryAfterMs(
  headers: Readonly<Record<string, string>>,
  words: string,
  now: number = Date.now(),
): number | undefined {
  const exact = Number(headers['retry-after-ms']);
  if (headers['retry-after-ms'] !== undefined && Number.isFinite(exact)) return bounded(exact);
  const header = headers['retry-after'];
  if (header !== undefined) {
    const seconds = Number(header);
    if (Number.isFinite(seconds)) return bounded(seconds * 1_000);
    const date = Date.parse(header);
    if (!Number.isNaN(date)) return bounded(date - now);
  }
  const match = IN_WORDS.exec(words);
  if (match === null) return undefined;
  const unit = match[2]?.toLowerCase();
  return bounded(Number(match[1]) * (unit === 'ms' ? 1 : unit === 'm' ? 60_000 : 1_000));
}

function bounded(ms: number): number {
  return Math.min(Math.max(0, Math.ceil(ms)), LONGEST_MS);
}
