import { resolve } from 'node:path';
import type { Home } from '../base/home.ts';
import type { Logger } from '../base/logger.ts';
import type { DatabaseConfig } from '../protocol/config.ts';
import { readPasswordFile } from '../storage/postgres/password-file.ts';
import { openPostgresStore } from '../storage/postgres/store.ts';
import { openSqliteStore } from '../storage/sqlite/store.ts';
import type { Store } from '../storage/store.ts';
import { hostMigrations } from './database.ts';

export interface HostStoreOptions {
  readonly home: Home;
  readonly database: DatabaseConfig;
  readonly log: Logger;
  readonly onFatal?: (error: Error) => void;
}

/** The host's database as configured, migrated and ready. Relative paths of the configuration count from the home. */
export async function openHostStore({ home, database, ...options }: HostStoreOptions): Promise<Store> {
  if (database.kind === 'sqlite')
    return await openSqliteStore({ path: home.hostDatabase, migrations: hostMigrations, ...options });
  const { url, passwordFile } = database;
  const password =
    passwordFile === undefined ? undefined : await readPasswordFile(resolve(home.root, passwordFile), url);
  return await openPostgresStore({ url, password, migrations: hostMigrations, ...options });
}
