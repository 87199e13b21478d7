import type { ErrorShape } from '../../protocol/error.ts';
import type { Loose } from '../meters/meter.ts';

export function openaiError(status: number, error: ErrorShape): Loose {
  const message = error.remedy ? `${error.message} ${error.remedy}` : error.message;
  return { error: { message, type: typeOf(status), param: null, code: error.code } };
}

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 402) return 'insufficient_quota';
  if (status === 429) return 'rate_limit_error';
  return status >= 500 || status === 0 ? 'server_error' : 'invalid_request_error';
}
