import { randomUUID } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { HoldfastError } from '../../protocol/error.ts';
import { MIGRATIONS, type VaultMigration } from './migrations.ts';

/**
 * Opens `vault.db` for this process alone: SQLite's exclusive locking mode is also the lock that refuses a second vault
 * on the same home, and the kernel drops it when the process dies in any way.
 *
 * WAL with synchronous=NORMAL: a commit survives the death of the process (kill -9) at once, and a power cut from the
 * next `checkpoint` on. Secrets and settings are followed by one; the ledger gets one every few seconds, because a sync
 * per call was measured to add several milliseconds to the first token.
 */
export function openVaultDatabase(path: string, migrations: readonly VaultMigration[] = MIGRATIONS): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    database.exec('PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF; PRAGMA wal_autocheckpoint = 1000');
    database.exec('BEGIN EXCLUSIVE; COMMIT');
    chmodSync(path, 0o600);
    migrate(database, migrations);
    return database;
  } catch (error) {
    database.close();
    throw databaseError(error, path);
  }
}

/** Writes the log back into the database file and syncs both. */
export function checkpoint(database: DatabaseSync): void {
  database.exec('PRAGMA wal_checkpoint(FULL)');
}

/** A consistent copy beside it, for a backup; nothing in it is less encrypted than here. Whoever asked removes it. */
export function copyVaultDatabase(database: DatabaseSync, directory: string): string {
  const target = join(directory, `vault.db.copy-${randomUUID()}`);
  database.prepare('VACUUM INTO ?').run(target);
  chmodSync(target, 0o600);
  return target;
}

/** Runs `work` as one transaction. */
export function transact<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function migrate(database: DatabaseSync, migrations: readonly VaultMigration[]): void {
  database.exec('CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT');
  const done = new Set(
    database
      .prepare('SELECT name FROM migrations')
      .all()
      .map((row) => String(row.name)),
  );
  const known = new Set(migrations.map((migration) => migration.name));
  const newer = [...done].filter((name) => !known.has(name));
  if (newer.length > 0) {
    throw new HoldfastError(
      'storage.corrupt',
      `vault.db was written by a newer Holdfast (it has ${newer.join(', ')}).`,
      {
        remedy: 'Start that version again, or restore the backup made before the upgrade.',
      },
    );
  }
  for (const migration of migrations) {
    if (done.has(migration.name)) continue;
    transact(database, () => {
      for (const statement of migration.statements) database.exec(statement);
      database.prepare('INSERT INTO migrations (name, at) VALUES (?, ?)').run(migration.name, Date.now());
    });
  }
}

const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_READONLY = 8;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;

/** SQLite's words as an error of our catalogue. */
export function databaseError(error: unknown, path: string): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0;
  const cause = { cause: error };
  if (code === SQLITE_BUSY || code === SQLITE_LOCKED)
    return new HoldfastError('conflict', `Another vault is already running on ${path}.`, {
      remedy: 'Use the one that runs (`holdfast status`), or stop it first with `holdfast stop`.',
      ...cause,
    });
  if (code === SQLITE_FULL)
    return new HoldfastError('storage.full', `No space left to write ${path}.`, {
      remedy: 'Free some disk space; nothing that was confirmed is lost.',
      retryable: true,
      ...cause,
    });
  if (code === SQLITE_READONLY)
    return new HoldfastError('storage.read-only', `${path} cannot be written.`, {
      remedy: 'Check the owner and the mode of the file and of its directory.',
      ...cause,
    });
  if (code === SQLITE_CORRUPT || code === SQLITE_NOTADB)
    return new HoldfastError('storage.corrupt', `${path} is damaged and was not touched.`, {
      remedy: 'Restore it from a backup.',
      ...cause,
    });
  return HoldfastError.from(error);
}
