import { ERROR_CODES, type ErrorCode, HoldfastError, type HoldfastErrorOptions } from '../protocol/error.ts';

/**
 * Where the host's API is: its unix socket (whoever can open it is the owner), or a URL with a bearer token. This file
 * and `raw-get.ts` load nothing but what Node brings: `holdfast status` starts through them.
 */
export type ApiTarget = { readonly socketPath: string } | { readonly url: string; readonly token?: string | undefined };

/** The `Host` header to send. Over the socket any name will do; over TCP it is the address's own. */
export function hostHeader(target: ApiTarget): string {
  return 'socketPath' in target ? 'localhost' : new URL(target.url).host;
}

/** Headers every request carries. */
export function authHeaders(target: ApiTarget): Record<string, string> {
  if ('socketPath' in target || target.token === undefined) return {};
  return { authorization: `Bearer ${target.token}` };
}

/** What a failed connection means to a person. */
export function unreachable(target: ApiTarget, cause: unknown): HoldfastError {
  const where = 'socketPath' in target ? target.socketPath : target.url;
  return new HoldfastError('host.unreachable', `Holdfast does not answer at ${where}.`, {
    remedy: 'Start it with `holdfast start`; `holdfast logs` says why it stopped.',
    retryable: true,
    cause,
  });
}

/** Turns the body of a refusal into the error it describes. Anything unreadable is `internal` with the status. */
export function errorOf(status: number, body: string): HoldfastError {
  const shape = parseShape(body);
  if (shape !== undefined) return new HoldfastError(shape.code, shape.message, shape.options);
  return new HoldfastError('internal', `The host answered with HTTP ${status} and no explanation.`, {
    remedy: '`holdfast logs` holds the cause.',
  });
}

function parseShape(body: string): { code: ErrorCode; message: string; options: HoldfastErrorOptions } | undefined {
  const value = parseObject(body);
  const code = ERROR_CODES.find((known) => known === value?.code);
  if (value === undefined || code === undefined) return undefined;
  const { message, remedy, details, retryable, retryAfterMs } = value;
  const options: HoldfastErrorOptions = {
    remedy: typeof remedy === 'string' ? remedy : undefined,
    details: isObject(details) ? details : undefined,
    retryable: retryable === true,
    retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : undefined,
  };
  return { code, message: typeof message === 'string' ? message : code, options };
}

function parseObject(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined; // Not JSON: the caller reports the status instead.
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
