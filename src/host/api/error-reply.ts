import { HTTPException } from 'hono/http-exception';
import { uuidv7 } from '../../base/id.ts';
import type { Logger } from '../../base/logger.ts';
import { type ErrorCode, type ErrorShape, HoldfastError } from '../../protocol/error.ts';

/**
 * What a client learns of a failure: the code, message and remedy of a HoldfastError, and of anything else only an id
 * that stands in the log beside the cause.
 */
export interface ErrorAnswer {
  readonly status: number;
  readonly body: ErrorShape;
  readonly headers: Readonly<Record<string, string>>;
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  'bad-request': 400,
  'tool.bad-input': 400,
  unauthenticated: 401,
  'budget.exceeded': 402,
  forbidden: 403,
  'policy.denied': 403,
  'egress.denied': 403,
  'vault.frozen': 403,
  'vault.unsigned': 403,
  'not-found': 404,
  'tool.unknown': 404,
  conflict: 409,
  cancelled: 409,
  'approval.expired': 409,
  'too-large': 413,
  'rate-limited': 429,
  'storage.full': 507,
  'storage.read-only': 503,
  'storage.closed': 503,
  'storage.unreachable': 503,
  'vault.unreachable': 503,
  'vault.locked': 503,
  'vault.key-missing': 503,
  'sandbox.unavailable': 503,
  timeout: 504,
};

export function errorAnswer(thrown: unknown, log: Logger): ErrorAnswer {
  const error = knownError(thrown);
  if (error === undefined) return unknownError(thrown, log);
  const wait = error.retryAfterMs;
  return {
    status: STATUS[error.code] ?? (error.code.startsWith('model.') ? 502 : 500),
    body: error.toShape(),
    headers: {
      ...(wait === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(wait / 1_000))) }),
      ...(error.code === 'too-large' ? { connection: 'close' } : {}),
    },
  };
}

export function errorResponse({ status, body, headers }: ErrorAnswer): Response {
  return new Response(JSON.stringify(body), { status, headers: { ...headers, 'content-type': 'application/json' } });
}

function knownError(thrown: unknown): HoldfastError | undefined {
  if (thrown instanceof HoldfastError) return thrown.code === 'internal' ? undefined : thrown;
  if (!(thrown instanceof HTTPException) || thrown.status >= 500) return undefined;
  return new HoldfastError('bad-request', thrown.message || 'The request cannot be understood.');
}

function unknownError(thrown: unknown, log: Logger): ErrorAnswer {
  const id = uuidv7();
  log.error('request failed', { id, error: thrown });
  const message = `Something went wrong inside Holdfast (${id}).`;
  const remedy = 'Look for this id in `holdfast logs`.';
  return { status: 500, body: { code: 'internal', message, remedy, details: { id } }, headers: {} };
}
