import type { Migration } from '../../storage/store.ts';

/** How far the vault's list of a run's connections is in the journal. */
export interface EgressCursorsTable {
  run_id: string;
  last_id: number;
}

export const egressCursorsMigration: Migration = {
  name: '0015-egress-cursors',
  sqlite: ['CREATE TABLE egress_cursors (run_id TEXT PRIMARY KEY, last_id INTEGER NOT NULL)'],
  postgres: ['CREATE TABLE egress_cursors (run_id TEXT PRIMARY KEY, last_id BIGINT NOT NULL)'],
};
