import type { Conversation } from '../conversation.ts';
import type { Reply, ReplyPart } from '../reply.ts';
import { seal, vendorId } from '../signature.ts';

/** Output items of a response: the whole one, and what stands at its place when a stream opens it. */
export interface OutputItem {
  readonly part: ReplyPart;
  readonly id: string;
  readonly whole: Readonly<Record<string, unknown>>;
  readonly opened: Readonly<Record<string, unknown>>;
}

export function outputItems(reply: Reply, conversation: Conversation): OutputItem[] {
  return reply.parts.map((part) =>
    itemOf(part, conversation, reply.stop === 'length' || reply.stop === 'content-filter'),
  );
}

function itemOf(part: ReplyPart, conversation: Conversation, cut: boolean): OutputItem {
  if (part.type === 'reasoning') return reasoningItem(part, conversation);
  if (part.type === 'tool-call') {
    const id = vendorId('fc_');
    const base = { id, type: 'function_call', call_id: vendorId('call_'), name: part.tool };
    return {
      part,
      id,
      opened: { ...base, status: 'in_progress', arguments: '' },
      whole: { ...base, status: 'completed', arguments: part.arguments },
    };
  }
  const id = vendorId('msg_');
  const base = { id, type: 'message', role: 'assistant' };
  return {
    part,
    id,
    opened: { ...base, status: 'in_progress', content: [] },
    whole: { ...base, status: cut ? 'incomplete' : 'completed', content: [textContent(part.text)] },
  };
}

function reasoningItem(part: ReplyPart & { type: 'reasoning' }, conversation: Conversation): OutputItem {
  const id = vendorId('rs_');
  const sealed = conversation.asks.has('encrypted-reasoning') ? { encrypted_content: seal(part.text) } : {};
  const summary = conversation.reasoning === 'shown' ? [{ type: 'summary_text', text: part.text }] : [];
  const base = { id, type: 'reasoning', ...sealed };
  return { part, id, opened: { ...base, summary: [] }, whole: { ...base, summary } };
}

export function textContent(text: string) {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}
