import { join } from 'node:path';
import { hostMigrations } from '../host/database.ts';
import { openPostgresStore } from '../storage/postgres/store.ts';
import { openSqliteStore } from '../storage/sqlite/store.ts';
import type { Store } from '../storage/store.ts';
import { startPostgres } from './postgres.ts';

/** Where a test core keeps its rows: the same home gives the same database again. */
export interface TestStores extends AsyncDisposable {
  open(home: string): Promise<Store>;
}

export const sqliteStores: TestStores = {
  open: (home) => openSqliteStore({ path: join(home, 'host.db'), migrations: hostMigrations }),
  [Symbol.asyncDispose]: async () => {},
};

/** A server of its own, a schema per home. */
export async function postgresStores(): Promise<TestStores> {
  const server = await startPostgres();
  const urls = new Map<string, Promise<string>>();
  return {
    async open(home) {
      const url = urls.get(home) ?? server.createSchema();
      urls.set(home, url);
      return await openPostgresStore({
        url: await url,
        password: server.password,
        migrations: hostMigrations,
      });
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Both databases, or SQLite alone with the reason printed. */
export const STORE_KINDS = ['sqlite', 'postgres'] as const;
export const openStores = async (kind: (typeof STORE_KINDS)[number]): Promise<TestStores> =>
  kind === 'sqlite' ? sqliteStores : await postgresStores();
