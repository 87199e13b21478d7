import { type ErrorShape, HoldfastError } from '../../protocol/error.ts';

const FULL = 13;
const IO_ERROR = 10;
const READ_ONLY = 8;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;
const CANNOT_OPEN = 14;
const CONSTRAINT = 19;
const BUSY = 5;
const LOCKED = 6;

/** The primary SQLite result code of what `node:sqlite` threw, or undefined. */
export function sqliteCode(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !('errcode' in thrown) || typeof thrown.errcode !== 'number') return undefined;
  return thrown.errcode & 0xff;
}

/** Codes after which the database itself, not the unit, is the problem. SQLite may have rolled back by itself. */
export function isEngineFailure(thrown: unknown): boolean {
  const code = sqliteCode(thrown);
  return code !== undefined && [FULL, IO_ERROR, READ_ONLY, CORRUPT, NOT_A_DATABASE, CANNOT_OPEN].includes(code);
}

/** Codes that every unit would meet alike: trying each alone would only repeat the wait. */
export function concernsAll(thrown: unknown): boolean {
  const code = sqliteCode(thrown);
  return code !== undefined && [BUSY, LOCKED, READ_ONLY, CORRUPT, NOT_A_DATABASE, CANNOT_OPEN].includes(code);
}

/** What SQLite said, in the words of our catalogue. */
export function fromSqlite(thrown: unknown, path: string): HoldfastError {
  const code = sqliteCode(thrown);
  if (code === undefined || !(thrown instanceof Error)) return HoldfastError.from(thrown);
  const options = { details: { sqlite: thrown.message, code }, cause: thrown };
  switch (code) {
    case CONSTRAINT:
      return new HoldfastError('conflict', `The database refused the change: ${thrown.message}.`, options);
    case FULL:
    case IO_ERROR:
      return new HoldfastError('storage.full', `The database ${path} cannot be written: ${thrown.message}.`, {
        ...options,
        remedy: 'Free space on that disk (or repair it); writing goes on by itself once a write succeeds.',
        retryable: true,
      });
    case READ_ONLY:
    case CANNOT_OPEN:
      return new HoldfastError(
        'storage.read-only',
        `The database ${path} cannot be opened for writing: ${thrown.message}.`,
        {
          ...options,
          remedy: 'Check that the folder exists, belongs to this user and is not on a read-only mount.',
        },
      );
    case CORRUPT:
    case NOT_A_DATABASE:
      return corrupt(path, thrown.message, thrown);
    case BUSY:
    case LOCKED:
      return new HoldfastError('conflict', `The database ${path} is locked by another program: ${thrown.message}.`, {
        ...options,
        remedy: 'Close the program that has this file open (a database browser, a backup tool).',
        retryable: true,
      });
    default:
      return new HoldfastError('internal', `SQLite: ${thrown.message}`, options);
  }
}

export function corrupt(path: string, finding: string, cause?: unknown): HoldfastError {
  return new HoldfastError('storage.corrupt', `The database ${path} is damaged: ${finding}.`, {
    details: { finding },
    remedy: `Nothing was changed. Move ${path} (and its -wal and -shm files) away, then restore the newest backup or snapshot in its folder.`,
    cause,
  });
}

/** The other end of `toShape`: an error that crossed the thread. */
export function fromShape(shape: ErrorShape): HoldfastError {
  return new HoldfastError(shape.code, shape.message, shape);
}
