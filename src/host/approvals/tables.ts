import type { Migration } from '../../storage/store.ts';

/** A question to a person, bound to the hash of the exact arguments. First answer wins; unanswered ones expire. */
export interface ApprovalsTable {
  id: string;
  run_id: string;
  agent_id: string;
  session_id: string | null;
  call_id: string;
  args_hash: string;
  card: string;
  state: string;
  requested_at: number;
  expires_at: number;
  decided_at: number | null;
  decided_by: string | null;
  surface: string | null;
  /** The word that names it; null once it is answered. */
  nonce: string | null;
  /** JSON: what may be allowed beyond this one call. */
  offers: string | null;
  rule: string | null;
  tool: string | null;
  template: string | null;
  /** The person it is asked for. */
  principal: string | null;
}

const columns = (integer: string): string => `
  id TEXT PRIMARY KEY, run_id TEXT NOT NULL, agent_id TEXT NOT NULL, session_id TEXT, call_id TEXT NOT NULL,
  args_hash TEXT NOT NULL, card TEXT NOT NULL, state TEXT NOT NULL, requested_at ${integer} NOT NULL,
  expires_at ${integer} NOT NULL, decided_at ${integer}, decided_by TEXT, surface TEXT`;

const indexes = [
  `CREATE INDEX approvals_pending ON approvals (expires_at) WHERE state = 'pending'`,
  'CREATE INDEX approvals_run ON approvals (run_id)',
];

export const approvalsMigration: Migration = {
  name: '0004-approvals',
  sqlite: [`CREATE TABLE approvals (${columns('INTEGER')})`, ...indexes],
  postgres: [`CREATE TABLE approvals (${columns('BIGINT')})`, ...indexes],
};
