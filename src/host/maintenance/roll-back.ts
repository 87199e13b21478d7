import { copyFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Home } from '../../base/home.ts';
import type { DatabaseConfig } from '../../protocol/config.ts';
import { loadPostgres } from '../../storage/postgres/dump.ts';
import { postgresMigrations } from './restore.ts';
import { SetAside } from './set-aside.ts';
import { checkSqliteFile, newestMigrationSnapshot, postgresTarget } from './snapshots.ts';
import { holdStoppedHome } from './stopped-home.ts';

export interface RollbackReport {
  readonly snapshot: string;
  /** A folder, or a schema of the server. */
  readonly before: string;
}

/** Back to the copy that was made before the last migration. What is there now is kept; the copy stays too. */
export async function rollBack(home: Home, database: DatabaseConfig): Promise<RollbackReport> {
  const snapshot = await newestMigrationSnapshot(home, database);
  using _held = holdStoppedHome(home);
  if (database.kind === 'postgres') {
    const before = await loadPostgres(await postgresTarget(home, database), snapshot, postgresMigrations);
    return { snapshot: basename(snapshot), before: before ?? '' };
  }
  checkSqliteFile(snapshot);
  const aside = new SetAside(join(home.root, `before-rollback-${Date.now()}`));
  try {
    for (const suffix of ['', '-wal', '-shm']) await aside.take(`${home.hostDatabase}${suffix}`, `host.db${suffix}`);
    const copy = `${home.hostDatabase}.rollback`;
    await copyFile(snapshot, copy);
    await aside.put(copy, home.hostDatabase);
    return { snapshot: basename(snapshot), before: aside.directory };
  } catch (error) {
    await aside.undo();
    throw error;
  }
}
