import { asObject, count, type Meter } from './meter.ts';

/**
 * Messages. A stream's first event (`message_start`) has the input, its last (`message_delta`) the final output and, from
 * newer servers, the input again. Input is reported without its cached and cache-written parts.
 */
export const anthropicMessagesMeter: Meter = {
  marker: '"usage"',
  needsFirst: true,
  read: (last, first) => {
    if (last.type !== 'message_delta' && last.type !== 'message') return undefined;
    const start = asObject(asObject(first?.message)?.usage);
    const usage = { ...start, ...withoutNull(asObject(last.usage)) };
    const fresh = count(usage.input_tokens);
    const output = count(usage.output_tokens);
    if (fresh === undefined || output === undefined) return undefined;
    const read = count(usage.cache_read_input_tokens);
    const written = count(usage.cache_creation_input_tokens);
    return {
      inputTokens: fresh + (read ?? 0) + (written ?? 0),
      outputTokens: output,
      cachedInputTokens: read,
      cacheWriteTokens: written,
      longCacheWriteTokens: count(asObject(usage.cache_creation)?.ephemeral_1h_input_tokens),
    };
  },
};

function withoutNull(usage: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return Object.fromEntries(Object.entries(usage).filter(([, value]) => value !== null));
}
