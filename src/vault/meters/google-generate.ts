import { asObject, count, type Meter } from './meter.ts';

/** generateContent. Every chunk carries running totals, so the last one is the truth. Thoughts are counted apart. */
export const googleGenerateMeter: Meter = {
  marker: '"usageMetadata"',
  needsFirst: false,
  read: (last) => {
    const usage = asObject(last.usageMetadata);
    const prompt = count(usage?.promptTokenCount);
    if (!usage || prompt === undefined) return undefined;
    const thoughts = count(usage.thoughtsTokenCount);
    return {
      inputTokens: prompt + (count(usage.toolUsePromptTokenCount) ?? 0),
      outputTokens: (count(usage.candidatesTokenCount) ?? 0) + (thoughts ?? 0),
      cachedInputTokens: count(usage.cachedContentTokenCount),
      reasoningTokens: thoughts,
    };
  },
};
