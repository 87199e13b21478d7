import type { LanguageModelV4CallOptions } from '@ai-sdk/provider';
import type { WireFormat } from '../../protocol/provider.ts';
import type { ModelRequest } from './model.ts';
import { hasCalls, type Turn } from './pair-turns.ts';

/** Reasoning tokens per level, where a provider wants a number. */
export const THINKING_TOKENS = { low: 5_000, medium: 10_000, high: 25_000 } as const;

export type ThinkingOptions = Pick<LanguageModelV4CallOptions, 'reasoning' | 'providerOptions'>;

/** The provider's own words for a thinking level. `off` asks for nothing; some models think nevertheless. */
export function thinkingOptions(
  level: ModelRequest['thinking'],
  target: { wire: WireFormat; model: string; turns: readonly Turn[] },
): ThinkingOptions {
  const { wire, model, turns } = target;
  // Without `store: false` OpenAI would keep the conversation; its encrypted reasoning comes to us instead.
  if (wire === 'openai-responses') return { providerOptions: { openai: { store: false, ...openaiReasoning(level) } } };
  if (level === 'off') return {};
  const tokens = THINKING_TOKENS[level];
  if (wire === 'openai-chat') {
    return { providerOptions: { holdfast: { reasoningEffort: level }, openai: { reasoningEffort: level } } };
  }
  if (wire === 'google-generate') {
    const amount = /gemini-[3-9]/.test(model) ? { thinkingLevel: level } : { thinkingBudget: tokens };
    return { providerOptions: { google: { thinkingConfig: { includeThoughts: true, ...amount } } } };
  }
  if (!mayThink(turns)) return {};
  if (wire === 'bedrock-converse')
    return /anthropic\.claude/.test(model) ? { providerOptions: { bedrock: { thinkingTokens: tokens } } } : {};
  // `reasoning` gives newer models, which have no budget, their effort.
  return { reasoning: level, providerOptions: { anthropic: { thinking: { type: 'enabled', budgetTokens: tokens } } } };
}

function openaiReasoning(level: ModelRequest['thinking']): Record<string, string | boolean> {
  return level === 'off' ? {} : { reasoningEffort: level, reasoningSummary: 'auto', forceReasoning: true };
}

/**
 * Anthropic refuses thinking when the tool round under way did not begin with a thinking block of its own, which is so
 * after a switch of provider or of the level in the middle of a round.
 */
function mayThink(turns: readonly Turn[]): boolean {
  const lastUser = turns.findLastIndex((turn) => turn.role === 'user');
  const first = turns.slice(lastUser + 1).find(hasCalls);
  return first === undefined || (first.role === 'assistant' && first.parts[0]?.type === 'reasoning');
}
