import { asObject, count, type Loose, type Meter } from './meter.ts';

/**
 * Chat Completions. Dialects put the numbers in `usage`, in `x_groq.usage` or in the first choice. Some leave reasoning out
 * of `completion_tokens` and bill it nevertheless; then the total says how much was written.
 */
export const openaiChatMeter: Meter = {
  marker: '"usage"',
  needsFirst: false,
  read: (last) => {
    const usage = asObject(last.usage) ?? asObject(asObject(last.x_groq)?.usage) ?? choiceUsage(last);
    const input = count(usage?.prompt_tokens);
    const output = count(usage?.completion_tokens);
    if (!usage || input === undefined || output === undefined) return undefined;
    const prompt = asObject(usage.prompt_tokens_details);
    return {
      inputTokens: input,
      outputTokens: Math.max(output, (count(usage.total_tokens) ?? 0) - input),
      cachedInputTokens:
        count(prompt?.cached_tokens) ?? count(usage.prompt_cache_hit_tokens) ?? count(usage.cached_tokens),
      cacheWriteTokens: count(prompt?.cache_write_tokens),
      reasoningTokens: count(asObject(usage.completion_tokens_details)?.reasoning_tokens),
    };
  },
};

function choiceUsage(last: Loose): Loose | undefined {
  return Array.isArray(last.choices) ? asObject(asObject(last.choices[0])?.usage) : undefined;
}
