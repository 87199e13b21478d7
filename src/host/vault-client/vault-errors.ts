import { z } from 'zod';
import { ERROR_CODES, HoldfastError } from '../../protocol/error.ts';

/** How errors arrive from the vault: as JSON, as a base64url header on model calls, or as a broken connection. */
const Shape = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  remedy: z.string().optional(),
  details: z.record(z.string(), z.unknown()).optional(),
  retryable: z.boolean().optional(),
  retryAfterMs: z.number().nonnegative().optional(),
});

const BROKEN_CONNECTION = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EACCES', 'EPIPE', 'ENOTSOCK']);

/** The error of an answer's JSON body; anything else becomes an error that names the status. */
export function errorOfBody(status: number, body: string): HoldfastError {
  const parsed = Shape.safeParse(parseJson(body));
  if (parsed.success) return new HoldfastError(parsed.data.code, parsed.data.message, parsed.data);
  const code = status === 404 ? 'not-found' : status === 401 ? 'unauthenticated' : 'internal';
  return new HoldfastError(code, `The vault answered with status ${status}.`, { retryable: status >= 500 });
}

/** The error in `x-holdfast-error`, if the header is there and well formed. */
export function errorOfHeader(value: string | null | undefined): HoldfastError | undefined {
  if (value === null || value === undefined) return undefined;
  const parsed = Shape.safeParse(parseJson(Buffer.from(value, 'base64url').toString('utf8')));
  return parsed.success ? new HoldfastError(parsed.data.code, parsed.data.message, parsed.data) : undefined;
}

export function unreachable(socketPath: string, cause: unknown): HoldfastError {
  return new HoldfastError('vault.unreachable', `The vault does not answer on ${socketPath}.`, {
    remedy: 'It restarts by itself after a crash; if it stays down, read `holdfast logs` and run `holdfast restart`.',
    retryable: true,
    cause,
  });
}

/** Whether something thrown by a request means that nobody was there, as opposed to a timeout or a cancelled call. */
export function isBrokenConnection(thrown: unknown): boolean {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 8; error = error.cause, depth++) {
    if ('code' in error && typeof error.code === 'string' && BROKEN_CONNECTION.has(error.code)) return true;
  }
  return false;
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller validates with a schema, which refuses undefined
  }
}
