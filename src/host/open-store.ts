import type { Home } from '../base/home.ts';
import type { Logger } from '../base/logger.ts';
import type { DatabaseConfig } from '../protocol/config.ts';
import { openSqliteStore } from '../storage/sqlite/store.ts';
import type { Store } from '../storage/store.ts';
import { hostMigrations } from './database.ts';

export interface HostStoreOptions {
  readonly home: Home;
  readonly database: DatabaseConfig;
  readonly log: Logger;
  readonly onFatal?: (error: Error) => void;
}

/** The host's database as configured, migrated and ready; a copy is made before it is migrated. */
export async function openHostStore({ home, database, ...options }: HostStoreOptions): Promise<Store> {
  if (database.kind === 'sqlite')
    return await openSqliteStore({ path: home.hostDatabase, migrations: hostMigrations, ...options });
  // Only now: its driver is a third of a megabyte that nobody else needs.
  const [{ dumpPostgres }, { openPostgresStore }, { migrationSnapshot, postgresTarget }] = await Promise.all([
    import('../storage/postgres/dump.ts'),
    import('../storage/postgres/store.ts'),
    import('./maintenance/snapshots.ts'),
  ]);
  const target = await postgresTarget(home, database);
  const snapshot = (migration: string): Promise<void> => dumpPostgres(target, migrationSnapshot(home, migration));
  return await openPostgresStore({ ...target, migrations: hostMigrations, snapshot, ...options });
}
