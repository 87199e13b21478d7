import type { Migration } from '../../storage/store.ts';

export interface PlansTable {
  id: string;
  agent_id: string;
  session_id: string | null;
  title: string;
  state: string;
  /** JSON of `PlanStep[]`. */
  steps: string;
  /** Raised by each change, which is guarded by the one it was made from. */
  revision: number;
  created_at: number;
  updated_at: number;
}

/** What an agent wants to come back to. Delivered into its conversation when it is due. */
export interface SelfQueueTable {
  id: string;
  agent_id: string;
  session_id: string;
  text: string;
  /** Label of what the agent had seen when it wrote this, as JSON. */
  label: string;
  state: string;
  due_at: number;
  created_at: number;
}

const tables = (integer: string): string[] => [
  `CREATE TABLE plans (
    id TEXT PRIMARY KEY, agent_id TEXT NOT NULL, session_id TEXT, title TEXT NOT NULL, state TEXT NOT NULL,
    steps TEXT NOT NULL, revision ${integer} NOT NULL, created_at ${integer} NOT NULL, updated_at ${integer} NOT NULL)`,
  'CREATE INDEX plans_agent ON plans (agent_id, created_at)',
  `CREATE TABLE self_queue (
    id TEXT PRIMARY KEY, agent_id TEXT NOT NULL, session_id TEXT NOT NULL, text TEXT NOT NULL, label TEXT NOT NULL,
    state TEXT NOT NULL, due_at ${integer} NOT NULL, created_at ${integer} NOT NULL)`,
  `CREATE INDEX self_queue_due ON self_queue (due_at) WHERE state = 'open'`,
];

export const plansMigration: Migration = {
  name: '0052-plans',
  sqlite: tables('INTEGER'),
  postgres: tables('BIGINT'),
};
