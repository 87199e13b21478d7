import type { Conversation } from '../conversation.ts';
import {
  callsOfReply,
  type Frame,
  pieces,
  type Reply,
  type ReplyCall,
  type ReplyStop,
  reasoningOfReply,
  textOfReply,
  type UsageCounts,
} from '../reply.ts';
import { vendorId } from '../signature.ts';
import { readOpenaiChat } from './openai-chat-request.ts';
import { openaiFaultBody, openaiFaultFrame, openaiWrongKey } from './openai-fault.ts';
import { bearer, nowSeconds, sse, type Wire } from './wire.ts';

/** OpenAI Chat Completions, as OpenAI and the many compatible endpoints speak it (`reasoning_content` is theirs). */
export const openaiChat: Wire = {
  format: 'openai-chat',
  key: bearer,
  wrongKey: openaiWrongKey,
  read: readOpenaiChat,
  plain,
  frames,
  faultBody: openaiFaultBody,
  faultFrame: openaiFaultFrame,
};

const FINISH: Record<ReplyStop, string> = {
  end: 'stop',
  'tool-calls': 'tool_calls',
  length: 'length',
  'content-filter': 'content_filter',
};

function plain(reply: Reply, conversation: Conversation): unknown {
  const text = textOfReply(reply);
  const calls = callsOfReply(reply);
  const reasoning = reasoningOfReply(reply);
  const message = {
    role: 'assistant',
    content: text === '' && calls.length > 0 ? null : text,
    refusal: null,
    ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls.map(toolCall) }),
    annotations: [],
  };
  return {
    ...envelope(conversation, 'chat.completion'),
    choices: [{ index: 0, message, logprobs: null, finish_reason: FINISH[reply.stop] }],
    ...(reply.usage === undefined ? {} : { usage: usage(reply.usage) }),
  };
}

function* frames(reply: Reply, conversation: Conversation): Generator<Frame> {
  const base = envelope(conversation, 'chat.completion.chunk');
  const asked = conversation.asks.has('usage');
  const chunk = (delta: object, finish: string | null = null): string =>
    sse({
      ...base,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      ...(asked ? { usage: null } : {}),
    });
  yield chunk({ role: 'assistant', content: '', refusal: null });
  let index = 0;
  for (const part of reply.parts) {
    if (part.type === 'tool-call') {
      yield* callDeltas(part, index, reply.chunkChars, chunk);
      index += 1;
    } else {
      const field = part.type === 'text' ? 'content' : 'reasoning_content';
      for (const piece of pieces(part.text, reply.chunkChars)) yield chunk({ [field]: piece });
    }
  }
  yield chunk({}, FINISH[reply.stop]);
  if (asked && reply.usage !== undefined) {
    if (reply.usageLateMs > 0) yield { pauseMs: reply.usageLateMs };
    yield sse({ ...base, choices: [], usage: usage(reply.usage) });
  }
  yield 'data: [DONE]\n\n';
}

function* callDeltas(
  call: ReplyCall,
  index: number,
  size: number,
  chunk: (delta: object) => string,
): Generator<string> {
  const { id, type, function: fn } = toolCall(call);
  yield chunk({ tool_calls: [{ index, id, type, function: { name: fn.name, arguments: '' } }] });
  for (const piece of pieces(call.arguments, size))
    yield chunk({ tool_calls: [{ index, function: { arguments: piece } }] });
}

function toolCall(call: ReplyCall) {
  return { id: vendorId('call_'), type: 'function', function: { name: call.tool, arguments: call.arguments } };
}

function envelope(conversation: Conversation, object: string) {
  return {
    id: vendorId('chatcmpl-'),
    object,
    created: nowSeconds(),
    model: conversation.model,
    service_tier: 'default',
    system_fingerprint: 'fp_holdfast_simulator',
  };
}

function usage(counts: UsageCounts) {
  return {
    prompt_tokens: counts.input,
    completion_tokens: counts.output,
    total_tokens: counts.input + counts.output,
    prompt_tokens_details: { cached_tokens: counts.cached, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: counts.reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}
