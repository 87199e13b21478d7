import { z } from 'zod';
import { JsonValue } from '../../protocol/json.ts';
import type { AssistantPart } from '../../protocol/transcript.ts';
import { uniqueCallId } from './call-ids.ts';
import type { ModelRequest } from './model.ts';
import { notesIn, REASONING_NAMESPACE } from './reasoning-fields.ts';

/**
 * The parts of a message while it streams in, in the order in which they began. What a provider attaches to a part may
 * come with its start, a delta or its end; all of it is merged into the part's `opaque`, later values winning.
 */
export interface MessageDraft {
  openText(kind: TextKind, id: string, metadata: unknown): void;
  addText(kind: TextKind, id: string, piece: Piece): void;
  closeText(kind: TextKind, id: string, metadata: unknown): void;
  /** The id is the one under which everybody else knows the call. */
  openCall(id: string, tool: string, metadata: unknown): { readonly callId: string; readonly tool: string };
  addArguments(id: string, text: string): { readonly callId: string; readonly tool: string } | undefined;
  closeCall(id: string, call: { tool: string; arguments: string; metadata: unknown }): void;
  /** What `reasoning-fields.ts` noted during the whole answer. */
  attachNotes(metadata: unknown): void;
  parts(): AssistantPart[];
}

export type TextKind = 'text' | 'reasoning';
export interface Piece {
  readonly text: string;
  readonly metadata: unknown;
}

type Metadata = Record<string, Record<string, unknown>>;
interface TextDraft {
  readonly type: TextKind;
  text: string;
  readonly metadata: Metadata;
}
interface CallDraft {
  readonly type: 'tool-call';
  readonly callId: string;
  tool: string;
  streamed: string;
  arguments: string | undefined;
  readonly metadata: Metadata;
}
type Draft = TextDraft | CallDraft;

export function createMessageDraft(request: Pick<ModelRequest, 'transcript' | 'tools'>): MessageDraft {
  const drafts: Draft[] = [];
  const openTexts = new Map<string, TextDraft>();
  const openCalls = new Map<string, CallDraft>();
  const taken = new Set(request.transcript.flatMap(idsOf));

  const textOf = (type: TextKind, id: string): TextDraft => {
    const open = openTexts.get(`${type} ${id}`);
    if (open !== undefined) return open;
    const draft: TextDraft = { type, text: '', metadata: {} };
    drafts.push(draft);
    openTexts.set(`${type} ${id}`, draft);
    return draft;
  };
  const openCall = (id: string, tool: string, metadata: unknown): CallDraft => {
    const callId = uniqueCallId(id, taken);
    taken.add(callId);
    const draft: CallDraft = { type: 'tool-call', callId, tool, streamed: '', arguments: undefined, metadata: {} };
    merge(draft.metadata, metadata);
    drafts.push(draft);
    openCalls.set(id, draft);
    return draft;
  };

  return {
    openText: (kind, id, metadata) => {
      openTexts.delete(`${kind} ${id}`);
      merge(textOf(kind, id).metadata, metadata);
    },
    addText: (kind, id, { text, metadata }) => {
      const draft = textOf(kind, id);
      draft.text += text;
      merge(draft.metadata, metadata);
    },
    closeText: (kind, id, metadata) => {
      merge(textOf(kind, id).metadata, metadata);
      openTexts.delete(`${kind} ${id}`);
    },
    openCall,
    addArguments: (id, text) => {
      const draft = openCalls.get(id);
      if (draft !== undefined) draft.streamed += text;
      return draft;
    },
    closeCall: (id, call) => {
      const draft = openCalls.get(id) ?? openCall(id, call.tool, undefined);
      openCalls.delete(id);
      draft.tool = call.tool;
      draft.arguments = call.arguments;
      merge(draft.metadata, call.metadata);
    },
    attachNotes: (metadata) => {
      const notes = notesIn(metadata);
      if (notes !== undefined) attachReasoningNotes(drafts, notes);
    },
    parts: () => drafts.flatMap((draft) => toPart(draft, request.tools)),
  };
}

function idsOf(message: ModelRequest['transcript'][number]): string[] {
  if (message.role !== 'assistant') return [];
  return message.parts.flatMap((part) => (part.type === 'tool-call' ? [part.callId] : []));
}

function toPart(draft: Draft, tools: ModelRequest['tools']): AssistantPart[] {
  const attached = Object.keys(draft.metadata).length === 0 ? undefined : plainJson(draft.metadata);
  const opaque = attached === undefined ? {} : { opaque: attached };
  if (draft.type === 'tool-call') {
    const { callId, tool } = draft;
    return [{ type: 'tool-call', callId, tool, ...readArguments(draft, tools), ...opaque }];
  }
  if (draft.text === '' && attached === undefined) return [];
  return [{ type: draft.type, text: draft.text, ...opaque }];
}

/** No arguments at all are `{}` for a tool that needs none; anything else that is not a JSON object is malformed. */
function readArguments(draft: CallDraft, tools: ModelRequest['tools']): { input: JsonValue; malformed?: string } {
  const text = draft.arguments ?? draft.streamed;
  if (text.trim() === '' || (text === '{}' && draft.streamed.trim() === '')) {
    return needsArguments(draft.tool, tools) ? { input: {}, malformed: '' } : { input: {} };
  }
  const parsed = z.record(z.string(), JsonValue).safeParse(parseOrUndefined(text));
  return parsed.success ? { input: parsed.data } : { input: {}, malformed: text };
}

function needsArguments(tool: string, tools: ModelRequest['tools']): boolean {
  const required = tools.find(({ name }) => name === tool)?.inputSchema.required;
  return Array.isArray(required) && required.length > 0;
}

function attachReasoningNotes(drafts: Draft[], notes: Record<string, unknown>): void {
  let first = drafts.find((draft) => draft.type === 'reasoning');
  if (first === undefined) {
    first = { type: 'reasoning', text: '', metadata: {} };
    drafts.unshift(first);
  }
  merge(first.metadata, { [REASONING_NAMESPACE]: notes });
  if (notes.textField === undefined) return;
  const textField = { [REASONING_NAMESPACE]: { textField: notes.textField } };
  for (const draft of drafts) if (draft.type === 'reasoning' && draft !== first) merge(draft.metadata, textField);
}

const MetadataShape = z.record(z.string(), z.record(z.string(), z.unknown()));

function merge(into: Metadata, metadata: unknown): void {
  const parsed = MetadataShape.safeParse(metadata);
  if (!parsed.success) return;
  for (const [namespace, values] of Object.entries(parsed.data)) {
    into[namespace] = { ...into[namespace], ...values };
  }
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema refuses it
  }
}

function plainJson(metadata: Metadata): JsonValue {
  return JsonValue.parse(JSON.parse(JSON.stringify(metadata)));
}
