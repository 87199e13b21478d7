import { asObject, type Loose } from '../meters/meter.ts';
import { openaiChatMeter } from '../meters/openai-chat.ts';
import { limitField, mentions, modelField, streamField } from './fields.ts';
import { openaiError } from './openai-error.ts';
import type { Wire } from './wire.ts';

const HIDDEN = new Set(['image_url', 'file_id', 'video_url']);

/**
 * Chat Completions, also in the dialects of other providers. A stream reports usage only when asked: the proxy adds
 * `stream_options.include_usage` where it is missing, so that the stream ends with one more chunk (empty `choices`).
 */
export const openaiChatWire: Wire = {
  format: 'openai-chat',
  meter: openaiChatMeter,
  readRequest: (body) => {
    const model = modelField(body);
    const streaming = streamField(body);
    const changed = streaming ? askForUsage(body) : undefined;
    return {
      models: [model, ...fallbacks(body)],
      streaming,
      maxOutputTokens: limitField(body, 'max_completion_tokens', 'max_tokens'),
      choices: limitField(body, 'n') ?? 1,
      hiddenInput: mentions(body.messages, HIDDEN),
      ...(changed ? { newBody: changed } : {}),
    };
  },
  keyHeader: (key) => ['authorization', `Bearer ${key}`],
  errorBody: openaiError,
  errorEvent: (error) => `\n\ndata: ${JSON.stringify(openaiError(0, error))}\n\n`,
};

function askForUsage(body: Loose): Buffer | undefined {
  const options = asObject(body.stream_options);
  if (options?.include_usage === true) return undefined;
  return Buffer.from(JSON.stringify({ ...body, stream_options: { ...options, include_usage: true } }));
}

/** OpenRouter's list of models it may take instead. */
function fallbacks(body: Loose): string[] {
  return Array.isArray(body.models) ? body.models.filter((model) => typeof model === 'string') : [];
}
