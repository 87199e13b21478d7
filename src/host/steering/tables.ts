import type { Migration } from '../../storage/store.ts';

/** Text for a run that is already under way. It enters the run between two steps, or becomes a message of its own. */
export interface LateInputsTable {
  id: string;
  run_id: string;
  /** The message of the inbox it came with; null: from a parent or the host. */
  message_id: string | null;
  source: string;
  text: string;
  /** JSON of `Label`. */
  label: string;
  /** `pending` → `taken` by the run | `requeued` as a run of its own | `missed`: the run was over and nobody waits. */
  state: string;
  created_at: number;
}

const columns = (integer: string): string => `
  id TEXT PRIMARY KEY, run_id TEXT NOT NULL, message_id TEXT, source TEXT NOT NULL, text TEXT NOT NULL,
  label TEXT NOT NULL, state TEXT NOT NULL, created_at ${integer} NOT NULL`;

const rest = [
  `CREATE INDEX late_inputs_pending ON late_inputs (run_id) WHERE state = 'pending'`,
  `ALTER TABLE inbox ADD COLUMN mode TEXT NOT NULL DEFAULT 'queue'`,
  'ALTER TABLE inbox ADD COLUMN merged_into TEXT',
  'CREATE INDEX inbox_merged ON inbox (merged_into) WHERE merged_into IS NOT NULL',
  `ALTER TABLE sessions ADD COLUMN mode TEXT NOT NULL DEFAULT 'queue'`,
];

export const steeringMigration: Migration = {
  name: '0009-steering',
  sqlite: [`CREATE TABLE late_inputs (${columns('INTEGER')})`, ...rest],
  postgres: [`CREATE TABLE late_inputs (${columns('BIGINT')})`, ...rest],
};
