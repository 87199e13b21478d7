import { join } from 'node:path';
import { hostMigrations } from '../host/database.ts';
import { openSqliteStore } from '../storage/sqlite/store.ts';
import type { Store } from '../storage/store.ts';

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
export const useTestStores = (stores: TestStores): void => {
  current = stores;
};
