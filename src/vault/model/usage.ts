import type { Usage } from '../../protocol/transcript.ts';

/**
 * What a provider reported, in one meaning for all wires: `inputTokens` counts everything that was read, cached and
 * written to a cache included; `outputTokens` counts reasoning too.
 */
export interface MeteredUsage extends Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Part of `cacheWriteTokens` that is kept for an hour and costs more. */
  readonly longCacheWriteTokens?: number | undefined;
}

/** A model without a known window may not report more than this. */
const UNKNOWN_WINDOW = 10_000_000;
const ABSURD_FACTOR = 10;

/** False for numbers no call can have: negative, not whole, not finite, beyond ten windows, parts above their whole, no input at all. */
export function isPlausible(usage: MeteredUsage, contextWindow: number | undefined): boolean {
  const limit = ABSURD_FACTOR * (contextWindow ?? UNKNOWN_WINDOW);
  const { inputTokens, outputTokens, cachedInputTokens = 0, cacheWriteTokens = 0, longCacheWriteTokens = 0 } = usage;
  const all = [
    inputTokens,
    outputTokens,
    cachedInputTokens,
    cacheWriteTokens,
    longCacheWriteTokens,
    usage.reasoningTokens ?? 0,
  ];
  if (!all.every((count) => Number.isSafeInteger(count) && count >= 0 && count <= limit)) return false;
  return (
    inputTokens > 0 && cachedInputTokens + cacheWriteTokens <= inputTokens && longCacheWriteTokens <= cacheWriteTokens
  );
}
