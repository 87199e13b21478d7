import type { Migration } from '../../storage/store.ts';

/**
 * The effect ledger: one row per tool call that reached the gate. `intent` is committed before `started`; a started
 * effect is never repeated after a crash unless its tool says it may be, otherwise it ends as `unknown`.
 */
export interface EffectsTable {
  id: string;
  run_id: string;
  call_id: string;
  tool: string;
  args_hash: string;
  state: string;
  rule: string | null;
  requested_at: number;
  started_at: number | null;
  finished_at: number | null;
}

const columns = (integer: string): string => `
  id TEXT PRIMARY KEY, run_id TEXT NOT NULL, call_id TEXT NOT NULL, tool TEXT NOT NULL, args_hash TEXT NOT NULL,
  state TEXT NOT NULL, rule TEXT, requested_at ${integer} NOT NULL, started_at ${integer}, finished_at ${integer}`;

const indexes = [
  'CREATE INDEX effects_run ON effects (run_id)',
  `CREATE INDEX effects_open ON effects (state) WHERE finished_at IS NULL`,
];

export const effectsMigration: Migration = {
  name: '0003-effects',
  sqlite: [`CREATE TABLE effects (${columns('INTEGER')})`, ...indexes],
  postgres: [`CREATE TABLE effects (${columns('BIGINT')})`, ...indexes],
};
