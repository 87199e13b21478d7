import { afterAll } from 'vitest';
import { hostMigrations } from '../host/database.ts';
import { openPostgresStore } from '../storage/postgres/store.ts';
import { startPostgres } from './postgres.ts';
import { useTestStores } from './test-stores.ts';

/**
 * All tests that are imported after this one run on PostgreSQL: `x.postgres.test.ts` calls it and then imports
 * `x.test.ts`, so that one text of a test serves both databases. A server of its own, a schema per home.
 */
export async function runOnPostgres(): Promise<void> {
  const server = await startPostgres();
  const urls = new Map<string, Promise<string>>();
  useTestStores({
    async open(home) {
      const url = urls.get(home) ?? server.createSchema();
      urls.set(home, url);
      return await openPostgresStore({ url: await url, password: server.password, migrations: hostMigrations });
    },
  });
  afterAll(() => server[Symbol.asyncDispose]());
}
