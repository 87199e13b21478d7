/** One scripted answer, ready to be written in any wire format. */
export interface Reply {
  readonly parts: readonly ReplyPart[];
  readonly stop: ReplyStop;
  /** `undefined`: the provider reports no usage. */
  readonly usage: UsageCounts | undefined;
  /** Milliseconds by which the usage trails the rest of the answer; zero is the vendor's usual place. */
  readonly usageLateMs: number;
  /** Characters per streamed piece of text or arguments. */
  readonly chunkChars: number;
}

export type ReplyStop = 'end' | 'tool-calls' | 'length' | 'content-filter';

export type ReplyPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'reasoning'; readonly text: string }
  | ReplyCall;

export interface ReplyCall {
  readonly type: 'tool-call';
  readonly tool: string;
  /** Exactly what goes over the wire, valid JSON or not; empty when the scenario asks for a call without a body. */
  readonly arguments: string;
}

/** Tokens. `input` includes `cached` and `cacheWrite`; `output` includes `reasoning`. */
export interface UsageCounts {
  readonly input: number;
  readonly output: number;
  readonly cached: number;
  readonly cacheWrite: number;
  readonly reasoning: number;
}

/** A piece of a streamed body, or a pause before the next one. */
export type Frame = string | { readonly pauseMs: number };

/** Splits text for streaming and never cuts a surrogate pair. */
export function* pieces(text: string, size: number): Generator<string> {
  let start = 0;
  while (start < text.length) {
    let end = Math.min(text.length, start + size);
    const last = text.charCodeAt(end - 1);
    if (last >= 0xd800 && last <= 0xdbff && end < text.length) end += 1;
    yield text.slice(start, end);
    start = end;
  }
}

export function textOfReply(reply: Reply): string {
  return reply.parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

export function reasoningOfReply(reply: Reply): string {
  return reply.parts.map((part) => (part.type === 'reasoning' ? part.text : '')).join('');
}

export function callsOfReply(reply: Reply): readonly ReplyCall[] {
  return reply.parts.filter((part) => part.type === 'tool-call');
}

/** The arguments as an object, or `undefined` when they are no JSON object. No body at all counts as `{}`. */
export function parsedArguments(call: ReplyCall): Record<string, unknown> | undefined {
  if (call.arguments === '') return {};
  try {
    const value: unknown = JSON.parse(call.arguments);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined; // The scenario wants broken JSON.
  }
}
