import { HoldfastError } from '../../protocol/error.ts';

const DISK_FULL = '53100';
const IO_ERROR = '58030';
const READ_ONLY = '25006';
const LOCK_TIMEOUT = '55P03';
const NO_ZERO_IN_TEXT = '22021';
const STARTING_UP = '57P03';
const NO_PRIVILEGE = '42501';
/** Connection exceptions, and "the server is going away". */
const LOST = /^(08...|57P0[1-5]|57P03)$/;
const WRONG_LOGIN = /^28...$/;
const NO_DATABASE = '3D000';
const CONSTRAINT = /^23...$/;
const COLLISION = /^(40001|40P01|55P03)$/;
const DAMAGED = /^XX00[12]$/;
const SOCKET =
  /^(ECONN\w+|EPIPE|ENOENT|EACCES|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENOTFOUND|EAI_AGAIN|ERR_\w+)$/;

/** SQLSTATE or the socket's error code of what the driver threw. */
function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}

/** Of the driver itself: it has no code of its own for a connection that is gone. */
function isDriverLoss(thrown: unknown): boolean {
  return thrown instanceof Error && /^(Connection terminated|Client (has|was)|timeout expired)/.test(thrown.message);
}

/** The connection is gone or could not be made; whether what was under way took place must be asked. */
export function isConnectionLoss(thrown: unknown): boolean {
  if (thrown instanceof HoldfastError) return false;
  const code = codeOf(thrown);
  return code === undefined ? isDriverLoss(thrown) : LOST.test(code) || SOCKET.test(code);
}

export function isLockTimeout(thrown: unknown): boolean {
  return codeOf(thrown) === LOCK_TIMEOUT;
}

/** The database itself, not the unit, is the problem. */
export function isEngineFailure(thrown: unknown): boolean {
  const code = codeOf(thrown) ?? '';
  return isConnectionLoss(thrown) || [DISK_FULL, IO_ERROR, READ_ONLY].includes(code) || DAMAGED.test(code);
}

/** Every unit would meet it alike: trying each alone would only repeat it. */
export function concernsAll(thrown: unknown): boolean {
  const code = codeOf(thrown) ?? '';
  return isConnectionLoss(thrown) || code === READ_ONLY || DAMAGED.test(code);
}

/** What PostgreSQL said, in the words of our catalogue. */
export function fromPostgres(thrown: unknown, place: string): HoldfastError {
  if (thrown instanceof HoldfastError || !(thrown instanceof Error)) return HoldfastError.from(thrown);
  const code = codeOf(thrown);
  const options = { details: { postgres: thrown.message, code }, cause: thrown };
  if (isConnectionLoss(thrown)) return unreachable(place, thrown);
  if (code === undefined) return HoldfastError.from(thrown);
  if (CONSTRAINT.test(code))
    return new HoldfastError('conflict', `The database refused the change: ${thrown.message}.`, options);
  if (COLLISION.test(code))
    return new HoldfastError('conflict', `Another session of ${place} is in the way: ${thrown.message}.`, {
      ...options,
      retryable: true,
    });
  if (code === NO_ZERO_IN_TEXT)
    return new HoldfastError('bad-request', 'A text holds a character that PostgreSQL cannot keep (U+0000).', options);
  return (
    engineError(thrown, { code, place }) ?? new HoldfastError('internal', `PostgreSQL: ${thrown.message}`, options)
  );
}

function engineError(thrown: Error, { code, place }: { code: string; place: string }): HoldfastError | undefined {
  const options = { details: { postgres: thrown.message, code }, cause: thrown };
  if (code === DISK_FULL || code === IO_ERROR)
    return new HoldfastError('storage.full', `The database ${place} cannot be written: ${thrown.message}.`, {
      ...options,
      remedy: 'Free space on the server’s disk; writing goes on by itself once a write succeeds.',
      retryable: true,
    });
  if (code === READ_ONLY || code === NO_PRIVILEGE)
    return new HoldfastError('storage.read-only', `The database ${place} cannot be written: ${thrown.message}.`, {
      ...options,
      remedy: 'Connect to the primary, as a user that owns the database.',
    });
  if (DAMAGED.test(code))
    return new HoldfastError('storage.corrupt', `The database ${place} is damaged: ${thrown.message}.`, {
      ...options,
      remedy: 'Restore it from a backup, or fail over to a standby.',
    });
  if (WRONG_LOGIN.test(code) || code === NO_DATABASE)
    return new HoldfastError('storage.unreachable', `${place} lets us not in: ${thrown.message}.`, {
      ...options,
      remedy: 'Check user and database in config.json, and the password file.',
    });
  return undefined;
}

function unreachable(place: string, thrown: Error): HoldfastError {
  const state = codeOf(thrown) === STARTING_UP ? 'is starting up' : 'cannot be reached';
  return new HoldfastError('storage.unreachable', `The database ${place} ${state}: ${reasonOf(thrown)}.`, {
    remedy: 'Check that the server runs; work goes on by itself once it does.',
    retryable: true,
    cause: thrown,
  });
}

/** Node tries every address of a name and throws one error with all of theirs and an empty message. */
function reasonOf(thrown: Error): string {
  if (thrown.message !== '') return thrown.message;
  return thrown instanceof AggregateError && thrown.errors[0] instanceof Error
    ? thrown.errors[0].message
    : (codeOf(thrown) ?? thrown.name);
}
