import type { ServerResponse } from 'node:http';
import type { ErrorCode, ErrorShape, HoldfastError } from '../../protocol/error.ts';
import { CALL_HEADERS } from '../../protocol/vault-api.ts';
import type { Wire } from '../wires/wire.ts';

const STATUS: Partial<Record<ErrorCode, number>> = {
  'bad-request': 400,
  'model.unpriced': 400,
  'model.refused': 400,
  'model.context-overflow': 400,
  unauthenticated: 401,
  'model.auth': 401,
  'vault.wrong-passphrase': 401,
  'budget.exceeded': 402,
  'model.billing': 402,
  forbidden: 403,
  'egress.denied': 403,
  'vault.frozen': 403,
  'vault.unsigned': 403,
  'not-found': 404,
  'model.unknown-provider': 404,
  'vault.secret-missing': 404,
  conflict: 409,
  'too-large': 413,
  'rate-limited': 429,
  'model.rate-limited': 429,
  'model.unreachable': 502,
  'model.bad-response': 502,
  'model.empty-response': 502,
  'model.overloaded': 503,
  'vault.locked': 503,
  timeout: 504,
  'storage.full': 507,
};

export function statusOf(code: ErrorCode): number {
  return STATUS[code] ?? 500;
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length });
  response.end(bytes);
}

/** A failure of a route that is not a model call. */
export function sendError(response: ServerResponse, error: HoldfastError): void {
  if (error.code === 'too-large') response.shouldKeepAlive = false;
  if (response.headersSent) response.destroy();
  else sendJson(response, statusOf(error.code), error.toShape());
}

/** A failure of a model call, in the caller's wire format, with the shape in a header. */
export function sendModelError(
  response: ServerResponse,
  wire: Wire,
  failure: { shape: ErrorShape; status?: number | undefined },
): void {
  const status = failure.status ?? statusOf(failure.shape.code);
  const body = Buffer.from(JSON.stringify(wire.errorBody(status, failure.shape)));
  const wait = failure.shape.retryAfterMs;
  // The rest of a body that is too large is not read, so the connection is of no more use.
  if (failure.shape.code === 'too-large') response.shouldKeepAlive = false;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': body.length,
    [CALL_HEADERS.error]: encodeHeader(failure.shape),
    ...(wait === undefined ? {} : { 'retry-after': String(Math.ceil(wait / 1000)) }),
    ...(failure.shape.retryable ? {} : { 'x-should-retry': 'false' }),
  });
  response.end(body);
}

/** base64url JSON: a header value may hold nothing but ASCII. */
export function encodeHeader(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
