import type { Conversation } from './conversation.ts';
import type { Reply, ReplyCall, ReplyPart, ReplyStop, UsageCounts } from './reply.ts';
import type { Choice } from './rule-book.ts';
import type { Answer } from './scenario.ts';
import { renderTemplate, renderValue, type TemplateScope } from './template.ts';
import { countUsage } from './tokens.ts';

const DEFAULT_CHUNK_CHARS = 16;
const HUGE_CHUNK_CHARS = 65_536;
const FILLER = 'The quick brown fox jumps over the lazy dog. ';

/** Makes the answer of a rule: templates filled, the client's token limit obeyed, tokens counted. */
export function composeReply({ answer, scope }: Choice): Reply {
  const { conversation } = scope;
  const whole = answer.empty ? [] : partsOf(answer, scope, conversation);
  const limited =
    answer.hugeBytes === undefined ? limit(whole, conversation.maxOutputTokens) : { parts: whole, cut: false };
  return {
    parts: limited.parts,
    stop: stopOf(answer, limited.parts, limited.cut),
    usage: usageOf(answer.usage, countUsage(conversation, limited.parts)),
    usageLateMs: typeof answer.usage === 'object' ? (answer.usage.lateMs ?? 0) : 0,
    chunkChars: answer.chunkChars ?? (answer.hugeBytes === undefined ? DEFAULT_CHUNK_CHARS : HUGE_CHUNK_CHARS),
  };
}

function partsOf(answer: Answer, scope: TemplateScope, conversation: Conversation): ReplyPart[] {
  const parts: ReplyPart[] = [];
  if (answer.reasoning !== undefined && conversation.reasoning !== 'off')
    parts.push({ type: 'reasoning', text: renderTemplate(answer.reasoning, scope) });
  const text = renderTemplate(answer.text ?? '', scope) + filler(answer.hugeBytes ?? 0);
  if (text !== '') parts.push({ type: 'text', text });
  for (const call of answer.toolCalls) parts.push(callOf(call, scope));
  return parts;
}

function callOf(call: Answer['toolCalls'][number], scope: TemplateScope): ReplyCall {
  const base = { type: 'tool-call', tool: call.tool } as const;
  if ('noArguments' in call) return { ...base, arguments: '' };
  if ('rawArguments' in call) return { ...base, arguments: renderTemplate(call.rawArguments, scope) };
  return { ...base, arguments: JSON.stringify(renderValue(call.arguments, scope)) };
}

function filler(bytes: number): string {
  return bytes === 0 ? '' : FILLER.repeat(Math.ceil(bytes / FILLER.length)).slice(0, bytes);
}

/** A vendor stops in the middle of a word when the client's limit is reached. Tool calls are left whole. */
function limit(parts: readonly ReplyPart[], maxTokens: number | undefined): { parts: ReplyPart[]; cut: boolean } {
  let left = (maxTokens ?? Number.POSITIVE_INFINITY) * 4;
  const kept: ReplyPart[] = [];
  for (const part of parts) {
    if (part.type === 'tool-call') kept.push(part);
    else if (part.text.length > left)
      return { parts: [...kept, { ...part, text: part.text.slice(0, left) }], cut: true };
    else {
      left -= part.text.length;
      kept.push(part);
    }
  }
  return { parts: kept, cut: false };
}

function stopOf(answer: Answer, parts: readonly ReplyPart[], cut: boolean): ReplyStop {
  if (answer.stop !== undefined) return answer.stop;
  if (cut) return 'length';
  return parts.some((part) => part.type === 'tool-call') ? 'tool-calls' : 'end';
}

function usageOf(override: Answer['usage'], counted: UsageCounts): UsageCounts | undefined {
  if (override === 'missing') return undefined;
  if (override === undefined) return counted;
  const { lateMs: _late, ...numbers } = override;
  const given = Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== undefined));
  return { ...counted, ...given };
}
