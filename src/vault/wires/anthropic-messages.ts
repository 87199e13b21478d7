import type { ErrorShape } from '../../protocol/error.ts';
import { anthropicMessagesMeter } from '../meters/anthropic-messages.ts';
import type { Loose } from '../meters/meter.ts';
import { limitField, mentions, modelField, streamField } from './fields.ts';
import type { Wire } from './wire.ts';

const HIDDEN = new Set(['url', 'file_id']);

export const anthropicMessagesWire: Wire = {
  format: 'anthropic-messages',
  meter: anthropicMessagesMeter,
  readRequest: (body) => ({
    models: [modelField(body)],
    streaming: streamField(body),
    maxOutputTokens: limitField(body, 'max_tokens'),
    choices: 1,
    hiddenInput: mentionsSource(body.messages),
  }),
  keyHeader: (key) => ['x-api-key', key],
  errorBody: anthropicError,
  errorEvent: (error) => `\n\nevent: error\ndata: ${JSON.stringify(anthropicError(0, error))}\n\n`,
};

/** Pictures and documents by address or file id stand under `source`; a tool's own `url` argument is not one. */
function mentionsSource(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(mentionsSource);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, item]) =>
    key === 'source' ? mentions(item, HIDDEN) : mentionsSource(item),
  );
}

function anthropicError(status: number, error: ErrorShape): Loose {
  const message = error.remedy ? `${error.message} ${error.remedy}` : error.message;
  return { type: 'error', error: { type: typeOf(status), message }, request_id: null };
}

function typeOf(status: number): string {
  const names: Record<number, string> = {
    400: 'invalid_request_error',
    401: 'authentication_error',
    402: 'billing_error',
    403: 'permission_error',
    404: 'not_found_error',
    413: 'request_too_large',
    429: 'rate_limit_error',
    503: 'overloaded_error',
    504: 'timeout_error',
    529: 'overloaded_error',
  };
  return names[status] ?? (status >= 500 || status === 0 ? 'api_error' : 'invalid_request_error');
}
