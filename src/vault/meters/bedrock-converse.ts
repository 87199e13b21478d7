import { asObject, count, type Meter } from './meter.ts';

/**
 * Bedrock's Converse. Input is reported without its cached and cache-written parts; a stream says everything once, in its
 * `metadata` event, a plain answer in `usage`.
 */
export const bedrockConverseMeter: Meter = {
  marker: '"usage"',
  needsFirst: false,
  read: (value) => {
    const usage = asObject(value.usage);
    const input = count(usage?.inputTokens);
    const output = count(usage?.outputTokens);
    if (!usage || input === undefined || output === undefined) return undefined;
    const read = count(usage.cacheReadInputTokens);
    const written = count(usage.cacheWriteInputTokens);
    return {
      inputTokens: input + (read ?? 0) + (written ?? 0),
      outputTokens: output,
      cachedInputTokens: read,
      cacheWriteTokens: written,
    };
  },
};
