import type { Conversation } from '../conversation.ts';
import { type Frame, pieces, type Reply, type UsageCounts } from '../reply.ts';
import { vendorId } from '../signature.ts';
import { openaiFaultBody, openaiWrongKey } from './openai-fault.ts';
import { type OutputItem, outputItems, textContent } from './responses-items.ts';
import { readResponses } from './responses-request.ts';
import { createResponseStore, type ResponseStore, type StoredItem } from './responses-store.ts';
import { bearer, nowSeconds, sse, type Wire } from './wire.ts';

/** OpenAI Responses. It has state, as the real one: responses are stored unless the client says no. */
export function createOpenaiResponses(): Wire {
  const store = createResponseStore();
  const inputs = new WeakMap<Conversation, readonly StoredItem[]>();
  const open = (reply: Reply, conversation: Conversation): Opened => {
    const items = outputItems(reply, conversation);
    const opened = { response: envelope(conversation), items };
    if (conversation.asks.has('store')) keep(store, inputs.get(conversation) ?? [], opened);
    return opened;
  };
  return {
    format: 'openai-responses',
    key: bearer,
    wrongKey: openaiWrongKey,
    read(request) {
      const { items, ...conversation } = readResponses(request, store);
      inputs.set(conversation, items);
      return conversation;
    },
    plain: (reply, conversation) => finished(open(reply, conversation), reply),
    frames: (reply, conversation) => frames(open(reply, conversation), reply),
    faultBody: openaiFaultBody,
    faultFrame: (fault) =>
      sse(
        {
          type: 'error',
          code: fault.code ?? 'server_error',
          message: fault.message,
          param: fault.param,
          sequence_number: 0,
        },
        'error',
      ),
  };
}

interface Opened {
  readonly response: Readonly<Record<string, unknown>> & { readonly id: string };
  readonly items: readonly OutputItem[];
}

function keep(store: ResponseStore, input: readonly StoredItem[], { response, items }: Opened): void {
  store.keep(
    response.id,
    input,
    items.map((item) => item.whole),
  );
}

function envelope(conversation: Conversation) {
  return {
    id: vendorId('resp_'),
    object: 'response',
    created_at: nowSeconds(),
    status: 'in_progress',
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: conversation.maxOutputTokens ?? null,
    model: conversation.model,
    output: [],
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: conversation.asks.has('store'),
    temperature: 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    truncation: 'disabled',
    usage: null,
    metadata: {},
  };
}

function finished({ response, items }: Opened, reply: Reply) {
  const reason =
    reply.stop === 'length' ? 'max_output_tokens' : reply.stop === 'content-filter' ? 'content_filter' : undefined;
  return {
    ...response,
    status: reason === undefined ? 'completed' : 'incomplete',
    incomplete_details: reason === undefined ? null : { reason },
    output: items.map((item) => item.whole),
    usage: reply.usage === undefined ? null : usage(reply.usage),
  };
}

function* frames(opened: Opened, reply: Reply): Generator<Frame> {
  let sequence = 0;
  const event = (type: string, fields: object): string => {
    const data = { type, ...fields, sequence_number: sequence };
    sequence += 1;
    return sse(data, type);
  };
  yield event('response.created', { response: opened.response });
  yield event('response.in_progress', { response: opened.response });
  for (const [index, item] of opened.items.entries()) {
    yield event('response.output_item.added', { output_index: index, item: item.opened });
    const place = { item_id: item.id, output_index: index };
    yield* contentEvents(item, reply.chunkChars, (type, fields) => event(type, { ...place, ...fields }));
    yield event('response.output_item.done', { output_index: index, item: item.whole });
  }
  if (reply.usageLateMs > 0) yield { pauseMs: reply.usageLateMs };
  const end = finished(opened, reply);
  yield event(`response.${end.status}`, { response: end });
}

type EventMaker = (type: string, fields: object) => string;

function* contentEvents(item: OutputItem, size: number, event: EventMaker): Generator<string> {
  const { part } = item;
  if (part.type === 'text') yield* textEvents(part.text, size, event);
  else if (part.type === 'tool-call') {
    for (const delta of pieces(part.arguments, size)) yield event('response.function_call_arguments.delta', { delta });
    yield event('response.function_call_arguments.done', { name: part.tool, arguments: part.arguments });
  } else if (Array.isArray(item.whole.summary) && item.whole.summary.length > 0)
    yield* summaryEvents(part.text, size, event);
}

function* textEvents(text: string, size: number, event: EventMaker): Generator<string> {
  const place = { content_index: 0 };
  yield event('response.content_part.added', { ...place, part: textContent('') });
  for (const delta of pieces(text, size)) yield event('response.output_text.delta', { ...place, delta, logprobs: [] });
  yield event('response.output_text.done', { ...place, text, logprobs: [] });
  yield event('response.content_part.done', { ...place, part: textContent(text) });
}

function* summaryEvents(text: string, size: number, event: EventMaker): Generator<string> {
  const place = { summary_index: 0 };
  yield event('response.reasoning_summary_part.added', { ...place, part: { type: 'summary_text', text: '' } });
  for (const delta of pieces(text, size)) yield event('response.reasoning_summary_text.delta', { ...place, delta });
  yield event('response.reasoning_summary_text.done', { ...place, text });
  yield event('response.reasoning_summary_part.done', { ...place, part: { type: 'summary_text', text } });
}

function usage(counts: UsageCounts) {
  return {
    input_tokens: counts.input,
    input_tokens_details: { cached_tokens: counts.cached },
    output_tokens: counts.output,
    output_tokens_details: { reasoning_tokens: counts.reasoning },
    total_tokens: counts.input + counts.output,
  };
}
