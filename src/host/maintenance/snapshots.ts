import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Home } from '../../base/home.ts';
import type { DatabaseConfig } from '../../protocol/config.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { dumpPostgres } from '../../storage/postgres/dump.ts';
import { readPasswordFile } from '../../storage/postgres/password-file.ts';
import type { PostgresTarget } from '../../storage/postgres/target.ts';
import { backupDatabase } from '../../storage/sqlite/backup.ts';

/** A copy of the host's database as one file, whatever the database is: a SQLite file, or the rows of PostgreSQL. */
export const snapshotName = (database: DatabaseConfig): 'host.db' | 'host.rows' =>
  database.kind === 'sqlite' ? 'host.db' : 'host.rows';

export async function postgresTarget(
  home: Home,
  { url, passwordFile }: DatabaseConfig & { kind: 'postgres' },
): Promise<PostgresTarget> {
  if (passwordFile === undefined) return { url };
  return { url, password: await readPasswordFile(resolve(home.root, passwordFile), url) };
}

export async function snapshotDatabase(home: Home, database: DatabaseConfig, target: string): Promise<void> {
  if (database.kind === 'sqlite') await backupDatabase(home.hostDatabase, target);
  else await dumpPostgres(await postgresTarget(home, database), target);
}

/** Beside the database, as the migrator of SQLite names them. */
export const migrationSnapshot = (home: Home, migration: string): string =>
  join(home.root, `host.rows.before-${migration}.${Date.now()}`);

/** The newest copy that was made before a migration. */
export async function newestMigrationSnapshot(home: Home, database: DatabaseConfig): Promise<string> {
  const prefix = `${snapshotName(database)}.before-`;
  const timeOf = (name: string): number => Number(name.slice(name.lastIndexOf('.') + 1));
  const found = (await readdir(dirname(home.hostDatabase)))
    .filter((name) => basename(name).startsWith(prefix) && Number.isSafeInteger(timeOf(name)))
    .toSorted((a, b) => timeOf(a) - timeOf(b))
    .at(-1);
  if (found !== undefined) return join(dirname(home.hostDatabase), found);
  throw new HoldfastError('not-found', `There is no snapshot to go back to in ${home.root}.`, {
    remedy: 'One is made before each migration of a database that has something in it. Restore a backup instead.',
  });
}

/** Throws `storage.corrupt` unless every page of it is sound. */
export function checkSqliteFile(path: string): void {
  try {
    const db = new DatabaseSync(path, { readOnly: true });
    try {
      const finding = db.prepare('PRAGMA integrity_check(1)').get()?.integrity_check;
      if (finding !== 'ok') throw new Error(String(finding));
    } finally {
      db.close();
    }
  } catch (error) {
    throw new HoldfastError('storage.corrupt', `${basename(path)} is damaged: ${HoldfastError.from(error).message}.`, {
      remedy: 'Nothing was changed. Use another backup.',
      cause: error,
    });
  }
}
