import { splitModelRef, type WireFormat } from '../../protocol/provider.ts';
import type {
  AssistantMessage,
  AssistantPart,
  ToolCallPart,
  ToolMessage,
  TranscriptMessage,
} from '../../protocol/transcript.ts';
import { isCarrier } from './attachments.ts';
import { portableCallId, portableToolName, uniqueCallId } from './call-ids.ts';

/**
 * A transcript as every provider accepts it, whatever happened to the run that wrote it.
 *
 * What holds of the result: it begins with a user turn and ends with one, or with tool results; user and assistant turns
 * alternate; no text is empty; every call carries exactly one result, and there is no result without a call; call ids are
 * unique; an assistant turn is never empty. `opaque` is kept only on turns that the same provider wrote in the same wire
 * format (`native`), for nobody else can read its signatures.
 */
export type Turn =
  | { readonly role: 'user'; readonly text: string }
  | { readonly role: 'assistant'; readonly native: boolean; readonly parts: readonly TurnPart[] };

export type TurnPart =
  | Exclude<AssistantPart, ToolCallPart>
  | (ToolCallPart & { readonly result: { readonly text: string; readonly isError: boolean } });

export const NO_RESULT = 'The outcome of this call is unknown: the run was interrupted before a result was recorded.';
export const NO_OUTPUT = '(no output)';
export const EARLIER = '(The beginning of this conversation is not shown.)';
export const GO_ON = 'Go on.';

export interface Reader {
  readonly provider: string;
  readonly wire: WireFormat;
}

export function pairTurns(transcript: readonly TranscriptMessage[], reader: Reader): Turn[] {
  const results = assignResults(transcript);
  const taken = new Set<string>();
  const turns: Turn[] = [];
  for (const message of transcript) {
    if (message.role === 'user') push(turns, { role: 'user', text: message.text.trim() });
    if (message.role !== 'assistant') continue;
    const native = isNative(message, reader);
    const context = { native, taken, wire: reader.wire };
    const parts = message.parts.flatMap((part) => toTurnPart(part, results.get(part), context));
    // Reasoning alone says nothing, and is refused without what it led to.
    if (parts.some(isSubstantial)) push(turns, { role: 'assistant', native, parts: native ? parts : callsLast(parts) });
  }
  const last = turns.at(-1);
  if (last === undefined || (last.role === 'assistant' && !hasCalls(last))) turns.push({ role: 'user', text: GO_ON });
  return turns;
}

export function hasCalls(turn: Turn): boolean {
  return turn.role === 'assistant' && turn.parts.some((part) => part.type === 'tool-call');
}

/** The first result after a call belongs to it; of two open calls with one id the newer one gets it. */
function assignResults(transcript: readonly TranscriptMessage[]): Map<AssistantPart, ToolMessage> {
  const open = new Map<string, ToolCallPart[]>();
  const results = new Map<AssistantPart, ToolMessage>();
  for (const message of transcript) {
    if (message.role === 'tool') {
      const call = open.get(message.callId)?.pop();
      if (call !== undefined) results.set(call, message);
    }
    if (message.role !== 'assistant') continue;
    for (const part of message.parts) {
      if (part.type === 'tool-call') open.set(part.callId, [...(open.get(part.callId) ?? []), part]);
    }
  }
  return results;
}

interface PartContext {
  readonly native: boolean;
  readonly taken: Set<string>;
  readonly wire: WireFormat;
}

function toTurnPart(part: AssistantPart, result: ToolMessage | undefined, context: PartContext): TurnPart[] {
  const { native, taken, wire } = context;
  const { opaque, ...rest } = part;
  const kept = native && opaque !== undefined ? { opaque } : {};
  const carrier = native && isCarrier(opaque, wire);
  // Reasoning means nothing without what its provider attached to it; Google also attaches it to an empty text.
  if (rest.type === 'reasoning') return carrier ? [{ ...rest, ...kept }] : [];
  if (rest.type === 'text') {
    const worth = rest.text.trim() !== '' || (carrier && wire === 'google-generate');
    return worth ? [{ ...rest, ...kept }] : [];
  }
  const callId = native ? uniqueCallId(rest.callId, taken) : portableCallId(rest.callId, taken);
  taken.add(callId);
  const text = result === undefined ? NO_RESULT : result.text.trim() === '' ? NO_OUTPUT : result.text;
  return [
    {
      ...rest,
      ...kept,
      callId,
      tool: portableToolName(rest.tool),
      input: isObject(rest.input) ? rest.input : {},
      result: { text, isError: result?.isError ?? true },
    },
  ];
}

function push(turns: Turn[], turn: Turn): void {
  const last = turns.at(-1);
  if (turn.role === 'user') {
    if (turn.text === '') return;
    if (last?.role === 'user') turns[turns.length - 1] = { role: 'user', text: `${last.text}\n\n${turn.text}` };
    else turns.push(turn);
    return;
  }
  if (last === undefined) turns.push({ role: 'user', text: EARLIER });
  // After tool results the next assistant turn follows directly; after plain text somebody must have said something.
  else if (last.role === 'assistant' && !hasCalls(last)) turns.push({ role: 'user', text: GO_ON });
  turns.push(turn);
}

function isNative(message: AssistantMessage, { provider, wire }: Reader): boolean {
  return message.wire === wire && splitModelRef(message.model).provider === provider;
}

/** Only the provider that said something between two calls accepts it there. */
function callsLast(parts: readonly TurnPart[]): TurnPart[] {
  const isCall = (part: TurnPart): boolean => part.type === 'tool-call';
  return [...parts.filter((part) => !isCall(part)), ...parts.filter(isCall)];
}

function isSubstantial(part: TurnPart): boolean {
  return part.type === 'tool-call' || (part.type === 'text' && part.text.trim() !== '');
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
