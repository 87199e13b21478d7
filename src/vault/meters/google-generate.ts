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
    const input = prompt + (count(usage.toolUsePromptTokenCount) ?? 0);
    const output = (count(usage.candidatesTokenCount) ?? 0) + (thoughts ?? 0);
    return {
      inputTokens: input,
      // The total holds what a field that was left out would have said.
      outputTokens: Math.max(output, (count(usage.totalTokenCount) ?? 0) - input),
      cachedInputTokens: count(usage.cachedContentTokenCount),
      reasoningTokens: thoughts,
    };
  },
};
