import type { Home } from '../base/home.ts';
import type { Logger } from '../base/logger.ts';
import type { DatabaseConfig } from '../protocol/config.ts';
import { dumpPostgres } from '../storage/postgres/dump.ts';
import { openPostgresStore } from '../storage/postgres/store.ts';
import { openSqliteStore } from '../storage/sqlite/store.ts';
import type { Store } from '../storage/store.ts';
import { hostMigrations } from './database.ts';
import { migrationSnapshot, postgresTarget } from './maintenance/snapshots.ts';

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
  const target = await postgresTarget(home, database);
  const snapshot = (migration: string): Promise<void> => dumpPostgres(target, migrationSnapshot(home, migration));
  return await openPostgresStore({ ...target, migrations: hostMigrations, snapshot, ...options });
}
