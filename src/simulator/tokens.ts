import type { Conversation, Turn } from './conversation.ts';
import type { ReplyPart, UsageCounts } from './reply.ts';

const CHARS_PER_TOKEN = 4;
const TOKENS_PER_TURN = 4;
/** Vendors cache prefixes from this size on, in steps. */
const SMALLEST_CACHED_PREFIX = 1_024;
const CACHE_STEP = 128;

function estimateTokens(chars: number): number {
  return Math.ceil(chars / CHARS_PER_TOKEN);
}

/** Counts what was really sent and answered, so that budgets and meters see plausible numbers. */
export function countUsage(conversation: Conversation, parts: readonly ReplyPart[]): UsageCounts {
  const fixed = estimateTokens(conversation.system.length + conversation.toolChars);
  const input = fixed + tokensOfTurns(conversation.turns);
  const prefix = fixed + tokensOfTurns(conversation.turns.slice(0, cachedTurns(conversation.turns)));
  const caches = conversation.wire !== 'anthropic-messages' || conversation.asks.has('cache');
  const cacheable = caches && prefix >= SMALLEST_CACHED_PREFIX ? prefix - (prefix % CACHE_STEP) : 0;
  const repeated = conversation.turns.some((turn) => turn.role === 'assistant');
  const reasoning = estimateTokens(charsOf(parts, 'reasoning'));
  const output = reasoning + estimateTokens(charsOf(parts, 'text') + charsOf(parts, 'tool-call'));
  return {
    input,
    output: Math.max(1, output),
    cached: repeated ? cacheable : 0,
    cacheWrite: !repeated && conversation.asks.has('cache') ? cacheable : 0,
    reasoning,
  };
}

function tokensOfTurns(turns: readonly Turn[]): number {
  return turns.reduce((sum, turn) => sum + TOKENS_PER_TURN + estimateTokens(turn.text.length), 0);
}

/** An earlier call of the same conversation ended before the last assistant turn. */
function cachedTurns(turns: readonly Turn[]): number {
  return Math.max(
    0,
    turns.findLastIndex((turn) => turn.role === 'assistant'),
  );
}

function charsOf(parts: readonly ReplyPart[], type: ReplyPart['type']): number {
  return parts.reduce((sum, part) => (part.type === type ? sum + charsOfPart(part) : sum), 0);
}

function charsOfPart(part: ReplyPart): number {
  return part.type === 'tool-call' ? part.tool.length + part.arguments.length : part.text.length;
}
