import type { Conversation } from '../conversation.ts';
import {
  type Frame,
  parsedArguments,
  pieces,
  type Reply,
  type ReplyPart,
  type ReplyStop,
  type UsageCounts,
} from '../reply.ts';
import { sign, vendorId } from '../signature.ts';
import { VendorFault } from '../vendor-fault.ts';
import { readAnthropic } from './anthropic-request.ts';
import { bearer, header, sse, type Wire, type WireRequest } from './wire.ts';

/** Anthropic Messages. */
export const anthropic: Wire = {
  format: 'anthropic-messages',
  key: (request: WireRequest) => header(request, 'x-api-key') ?? bearer(request),
  wrongKey: (key) =>
    new VendorFault('authentication', key === undefined ? 'x-api-key header is required' : 'invalid x-api-key'),
  read: readAnthropic,
  plain,
  frames,
  faultBody,
  faultFrame: (fault) => sse(faultBody(fault), 'error'),
};

const STOP: Record<ReplyStop, string> = {
  end: 'end_turn',
  'tool-calls': 'tool_use',
  length: 'max_tokens',
  'content-filter': 'refusal',
};

const ERROR_TYPES: Record<VendorFault['kind'], string> = {
  'invalid-request': 'invalid_request_error',
  authentication: 'authentication_error',
  billing: 'billing_error',
  permission: 'permission_error',
  'not-found': 'not_found_error',
  'too-large': 'request_too_large',
  'rate-limit': 'rate_limit_error',
  server: 'api_error',
  overloaded: 'overloaded_error',
};

function faultBody(fault: VendorFault) {
  return {
    type: 'error',
    error: { type: ERROR_TYPES[fault.kind], message: fault.message },
    request_id: vendorId('req_'),
  };
}

function plain(reply: Reply, conversation: Conversation): unknown {
  return {
    ...message(conversation),
    content: reply.parts.map(wholeBlock),
    stop_reason: STOP[reply.stop],
    ...(reply.usage === undefined ? {} : { usage: { ...inputUsage(reply.usage), output_tokens: reply.usage.output } }),
  };
}

function* frames(reply: Reply, conversation: Conversation): Generator<Frame> {
  const late = reply.usageLateMs > 0;
  const known = reply.usage === undefined || late ? { input_tokens: 0, output_tokens: 0 } : startUsage(reply.usage);
  yield sse({ type: 'message_start', message: { ...message(conversation), usage: known } }, 'message_start');
  yield sse({ type: 'ping' }, 'ping');
  let index = 0;
  for (const part of reply.parts) {
    yield* blockFrames(part, index, reply.chunkChars);
    index += 1;
  }
  if (late) yield { pauseMs: reply.usageLateMs };
  const final =
    reply.usage === undefined ? {} : { usage: { ...inputUsage(reply.usage), output_tokens: reply.usage.output } };
  const delta = { stop_reason: STOP[reply.stop], stop_sequence: null };
  yield sse({ type: 'message_delta', delta, ...final }, 'message_delta');
  yield sse({ type: 'message_stop' }, 'message_stop');
}

function* blockFrames(part: ReplyPart, index: number, size: number): Generator<string> {
  yield sse({ type: 'content_block_start', index, content_block: emptyBlock(part) }, 'content_block_start');
  const delta = (value: object): string =>
    sse({ type: 'content_block_delta', index, delta: value }, 'content_block_delta');
  if (part.type === 'tool-call') {
    // The vendor opens every call with an empty piece; a call without a body never gets another.
    yield delta({ type: 'input_json_delta', partial_json: '' });
    for (const piece of pieces(part.arguments, size)) yield delta({ type: 'input_json_delta', partial_json: piece });
  } else if (part.type === 'reasoning') {
    for (const piece of pieces(part.text, size)) yield delta({ type: 'thinking_delta', thinking: piece });
    yield delta({ type: 'signature_delta', signature: sign(part.text) });
  } else {
    for (const piece of pieces(part.text, size)) yield delta({ type: 'text_delta', text: piece });
  }
  yield sse({ type: 'content_block_stop', index }, 'content_block_stop');
}

function emptyBlock(part: ReplyPart) {
  if (part.type === 'text') return { type: 'text', text: '' };
  if (part.type === 'reasoning') return { type: 'thinking', thinking: '', signature: '' };
  return { type: 'tool_use', id: vendorId('toolu_'), name: part.tool, input: {} };
}

function wholeBlock(part: ReplyPart) {
  if (part.type === 'text') return { type: 'text', text: part.text };
  if (part.type === 'reasoning') return { type: 'thinking', thinking: part.text, signature: sign(part.text) };
  // Broken JSON has no place in a whole answer of this format; the raw text stands where an object is promised.
  return { type: 'tool_use', id: vendorId('toolu_'), name: part.tool, input: parsedArguments(part) ?? part.arguments };
}

function message(conversation: Conversation) {
  return {
    id: vendorId('msg_'),
    type: 'message',
    role: 'assistant',
    model: conversation.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
  };
}

/** This vendor counts cached tokens beside `input_tokens`, not inside. */
function inputUsage(counts: UsageCounts) {
  return {
    input_tokens: counts.input - counts.cached - counts.cacheWrite,
    cache_creation_input_tokens: counts.cacheWrite,
    cache_read_input_tokens: counts.cached,
  };
}

function startUsage(counts: UsageCounts) {
  return { ...inputUsage(counts), output_tokens: 1, service_tier: 'standard' };
}
