import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { pid } from 'node:process';
import { DatabaseSync } from 'node:sqlite';
import { HoldfastError } from '../../protocol/error.ts';
import { fromSqlite, sqliteCode } from './errors.ts';

const BUSY = 5;

/**
 * One process per database file. The lock is an open transaction on an empty file beside it, that is, a lock the kernel
 * holds for us: it goes with the process however that dies, so there is no stale lock to judge and no pid to trust. The
 * pid beside it is only for the message.
 */
export function lockDatabase(path: string): Disposable {
  const lockPath = `${path}.lock`;
  const db = openLock(lockPath);
  try {
    db.exec('PRAGMA journal_mode = MEMORY');
    db.exec('BEGIN IMMEDIATE');
    writeFileSync(`${path}.pid`, `${pid}\n`, { mode: 0o600 });
  } catch (error) {
    db.close();
    throw sqliteCode(error) === BUSY ? heldElsewhere(path) : fromSqlite(error, lockPath);
  }
  return { [Symbol.dispose]: () => db.close() };
}

function openLock(lockPath: string): DatabaseSync {
  try {
    closeSync(openSync(lockPath, 'a', 0o600));
    return new DatabaseSync(lockPath, { timeout: 0 });
  } catch (error) {
    if (sqliteCode(error) !== undefined) throw fromSqlite(error, lockPath);
    throw new HoldfastError('storage.read-only', `The folder of ${lockPath} cannot be written.`, {
      remedy: 'Check that the folder exists, belongs to this user and is not on a read-only mount.',
      cause: error,
    });
  }
}

function heldElsewhere(path: string): HoldfastError {
  const other = holder(`${path}.pid`);
  return new HoldfastError(
    'conflict',
    `The database ${path} is in use by another process (pid ${other ?? 'unknown'}).`,
    {
      details: { path, pid: other },
      remedy: 'Only one process writes a database. Stop the other one (`holdfast stop`) or use another home directory.',
    },
  );
}

function holder(pidPath: string): number | undefined {
  try {
    const found = Number.parseInt(readFileSync(pidPath, 'utf8'), 10);
    return Number.isSafeInteger(found) ? found : undefined;
  } catch {
    return undefined; // The other process has not written it yet.
  }
}
