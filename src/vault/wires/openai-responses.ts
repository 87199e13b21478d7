import { openaiResponsesMeter } from '../meters/openai-responses.ts';
import { limitField, mentions, modelField, streamField } from './fields.ts';
import { openaiError } from './openai-error.ts';
import type { Wire } from './wire.ts';

const STORED = ['previous_response_id', 'conversation', 'prompt'] as const;
const HIDDEN = new Set(['image_url', 'file_id', 'file_url']);

export const openaiResponsesWire: Wire = {
  format: 'openai-responses',
  meter: openaiResponsesMeter,
  readRequest: (body) => ({
    models: [modelField(body)],
    streaming: streamField(body),
    maxOutputTokens: limitField(body, 'max_output_tokens'),
    choices: 1,
    hiddenInput: STORED.some((name) => body[name] !== undefined && body[name] !== null) || mentions(body.input, HIDDEN),
  }),
  keyHeader: (key) => ['authorization', `Bearer ${key}`],
  errorBody: openaiError,
  errorEvent: (error) => {
    const message = error.remedy ? `${error.message} ${error.remedy}` : error.message;
    const event = { type: 'error', code: error.code, message, param: null, sequence_number: 0 };
    return `\n\nevent: error\ndata: ${JSON.stringify(event)}\n\n`;
  },
};
