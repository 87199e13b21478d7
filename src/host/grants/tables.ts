import type { Migration } from '../../storage/store.ts';

/** What a person allowed for longer than one call. Revoked ones stay as rows, for the record. */
export interface StandingGrantsTable {
  id: string;
  agent_id: string;
  template: string | null;
  tool: string;
  principal: string;
  words: string;
  /** JSON arrays. */
  allows: string;
  sinks: string;
  term: string;
  task_id: string | null;
  approval_id: string;
  created_at: number;
  created_by: string;
  expires_at: number | null;
  revoked_at: number | null;
  revoked_by: string | null;
}

const grants = (integer: string): string => `CREATE TABLE standing_grants (
  id TEXT PRIMARY KEY, agent_id TEXT NOT NULL, template TEXT, tool TEXT NOT NULL, principal TEXT NOT NULL,
  words TEXT NOT NULL, allows TEXT NOT NULL, sinks TEXT NOT NULL, term TEXT NOT NULL, task_id TEXT,
  approval_id TEXT NOT NULL, created_at ${integer} NOT NULL, created_by TEXT NOT NULL, expires_at ${integer},
  revoked_at ${integer}, revoked_by TEXT)`;

/** A question's nonce is taken away with its answer, so it works once. */
const columns = ['nonce TEXT', 'offers TEXT', 'rule TEXT', 'tool TEXT', 'template TEXT', 'principal TEXT'].map(
  (column) => `ALTER TABLE approvals ADD COLUMN ${column}`,
);
const index = 'CREATE UNIQUE INDEX approvals_nonce ON approvals (nonce) WHERE nonce IS NOT NULL';

export const grantsMigration: Migration = {
  name: '0037-grants',
  sqlite: [grants('INTEGER'), ...columns, index],
  postgres: [grants('BIGINT'), ...columns, index],
};
