import { join } from 'node:path';
import { afterAll } from 'vitest';
import { hostMigrations } from '../host/database.ts';
import { openPostgresStore } from '../storage/postgres/store.ts';
import { openSqliteStore } from '../storage/sqlite/store.ts';
import type { Store } from '../storage/store.ts';
import { startPostgres } from './postgres.ts';

/** Where a test core keeps its rows: the same home gives the same database again. */
export interface TestStores {
  open(home: string): Promise<Store>;
}

const sqliteStores: TestStores = {
  open: (home) => openSqliteStore({ path: join(home, 'host.db'), migrations: hostMigrations }),
};

/** What this test file runs on. vitest gives each file a process of its own, so this reaches no other. */
let current = sqliteStores;
export const testStores = (): TestStores => current;

/**
 * All tests that are imported after this one run on PostgreSQL: `x.postgres.test.ts` calls it and then imports
 * `x.test.ts`, so that one text of a test serves both databases. A server of its own, a schema per home.
 */
export async function runOnPostgres(): Promise<void> {
  const server = await startPostgres();
  const urls = new Map<string, Promise<string>>();
  current = {
    async open(home) {
      const url = urls.get(home) ?? server.createSchema();
      urls.set(home, url);
      return await openPostgresStore({ url: await url, password: server.password, migrations: hostMigrations });
    },
  };
  afterAll(() => server[Symbol.asyncDispose]());
}
