import { asObject, count, type Meter } from './meter.ts';

/** Responses. A plain answer is the response itself; a stream's last event (`response.completed`) wraps it. */
export const openaiResponsesMeter: Meter = {
  marker: '"usage"',
  needsFirst: false,
  read: (last) => {
    const usage = asObject((asObject(last.response) ?? last).usage);
    const input = count(usage?.input_tokens);
    const output = count(usage?.output_tokens);
    if (!usage || input === undefined || output === undefined) return undefined;
    const details = asObject(usage.input_tokens_details);
    return {
      inputTokens: input,
      outputTokens: output,
      cachedInputTokens: count(details?.cached_tokens),
      cacheWriteTokens: count(details?.cache_write_tokens),
      reasoningTokens: count(asObject(usage.output_tokens_details)?.reasoning_tokens),
    };
  },
};
