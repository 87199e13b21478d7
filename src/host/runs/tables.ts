import type { Migration } from '../../storage/store.ts';

export interface RunsTable {
  id: string;
  kind: string;
  agent_id: string;
  /** The conversation this run serves: its own for a chat, its root's for a worker. */
  session_id: string | null;
  parent_run_id: string | null;
  message_id: string | null;
  template: string | null;
  title: string;
  model: string;
  state: string;
  waiting_for: string | null;
  /** Counts only while it waits. */
  wait_owner: string | null;
  wait_deadline: number | null;
  /** When its journal was told that nobody acted in time. */
  overdue_at: number | null;
  /** Raised at each claim; every write of a run is guarded by it, so that a stale holder cannot write. */
  epoch: number;
  /** How often a restart found it running; three without progress and it is quarantined. */
  resumes: number;
  /** The person it acts for. */
  principal: string;
  /** JSON of `RunSpec`. */
  spec: string;
  steps: number;
  tool_calls: number;
  cost_usd: number;
  result: string | null;
  error: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  /** When its last event was written: progress, not liveness. */
  progress_at: number;
}

const columns = (integer: string, real: string): string => `
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, agent_id TEXT NOT NULL, session_id TEXT, parent_run_id TEXT,
  message_id TEXT, template TEXT, title TEXT NOT NULL, model TEXT NOT NULL, state TEXT NOT NULL, waiting_for TEXT,
  epoch ${integer} NOT NULL, resumes ${integer} NOT NULL, spec TEXT NOT NULL, steps ${integer} NOT NULL,
  tool_calls ${integer} NOT NULL, cost_usd ${real} NOT NULL, result TEXT, error TEXT, created_at ${integer} NOT NULL,
  started_at ${integer}, finished_at ${integer}, progress_at ${integer} NOT NULL`;

const indexes = [
  `CREATE INDEX runs_open ON runs (state) WHERE finished_at IS NULL`,
  'CREATE INDEX runs_session ON runs (session_id, created_at)',
  'CREATE INDEX runs_parent ON runs (parent_run_id) WHERE parent_run_id IS NOT NULL',
  'CREATE INDEX runs_created ON runs (created_at)',
];

export const runsMigration: Migration = {
  name: '0002-runs',
  sqlite: [`CREATE TABLE runs (${columns('INTEGER', 'REAL')})`, ...indexes],
  postgres: [`CREATE TABLE runs (${columns('BIGINT', 'DOUBLE PRECISION')})`, ...indexes],
};
