import type { Migration } from '../../storage/store.ts';

/** Shared state of the fleet. `value` is JSON; `version` starts at 1 and rises with each write. */
export interface BlackboardTable {
  key: string;
  value: string;
  version: number;
  written_by: string;
  /** JSON of `Label`: who led to this value and who may read it. */
  label: string;
  created_at: number;
  updated_at: number;
  /** After this moment nobody sees it any more; null: it stays. */
  expires_at: number | null;
}

/** Every version that was ever written and every removal; rows are never changed. */
export interface BlackboardHistoryTable {
  id: string;
  key: string;
  version: number;
  act: string;
  value: string | null;
  label: string | null;
  by_agent: string;
  at: number;
}

/** What an agent wants to hear of: `watch` a glob of keys, `topic` an exact name. */
export interface InterestsTable {
  agent_id: string;
  kind: string;
  pattern: string;
  created_at: number;
}

/** Something an agent is to be told: kept until it is in its inbox, or until it asked. */
export interface NoticesTable {
  id: string;
  agent_id: string;
  kind: string;
  text: string;
  label: string;
  /** `pending` → `delivered` | `read` by check_inbox | `dropped`: there is no such agent any more. */
  state: string;
  created_at: number;
  delivered_at: number | null;
}

/** A work item that is handed from agent to agent. Null `assignee`: anybody of the team may claim it. */
export interface TasksTable {
  id: string;
  team: string | null;
  creator: string;
  assignee: string | null;
  summary: string;
  brief: string;
  data: string;
  label: string;
  state: string;
  priority: number;
  parent_id: string | null;
  root_id: string;
  /** How many hand-offs lie above it. */
  depth: number;
  /** JSON array of kinds of evidence it needs to be done. */
  required: string;
  /** JSON array of evidence given. */
  evidence: string;
  note: string;
  result: string | null;
  result_label: string | null;
  outcome: string | null;
  principal: string;
  /** The conversation that is told when it is over. */
  session_id: string | null;
  /** The run that works on it. */
  run_id: string | null;
  version: number;
  created_at: number;
  updated_at: number;
  finished_at: number | null;
}

export interface TaskDependenciesTable {
  task_id: string;
  depends_on: string;
}

/** Effects whose rows are written: what makes a tool that is run again do nothing. */
export interface MeshEffectsTable {
  effect_id: string;
  at: number;
}

const tables = (integer: string): string[] => [
  `CREATE TABLE blackboard (key TEXT PRIMARY KEY, value TEXT NOT NULL, version ${integer} NOT NULL, written_by TEXT NOT NULL,
    label TEXT NOT NULL, created_at ${integer} NOT NULL, updated_at ${integer} NOT NULL, expires_at ${integer})`,
  'CREATE INDEX blackboard_expiry ON blackboard (expires_at) WHERE expires_at IS NOT NULL',
  `CREATE TABLE blackboard_history (id TEXT PRIMARY KEY, key TEXT NOT NULL, version ${integer} NOT NULL, act TEXT NOT NULL,
    value TEXT, label TEXT, by_agent TEXT NOT NULL, at ${integer} NOT NULL)`,
  'CREATE INDEX blackboard_history_key ON blackboard_history (key, id)',
  `CREATE TABLE interests (agent_id TEXT NOT NULL, kind TEXT NOT NULL, pattern TEXT NOT NULL, created_at ${integer} NOT NULL,
    PRIMARY KEY (agent_id, kind, pattern))`,
  `CREATE TABLE notices (id TEXT PRIMARY KEY, agent_id TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, label TEXT NOT NULL,
    state TEXT NOT NULL, created_at ${integer} NOT NULL, delivered_at ${integer})`,
  `CREATE INDEX notices_pending ON notices (created_at) WHERE state = 'pending'`,
  'CREATE INDEX notices_agent ON notices (agent_id, delivered_at)',
  `CREATE TABLE tasks (id TEXT PRIMARY KEY, team TEXT, creator TEXT NOT NULL, assignee TEXT, summary TEXT NOT NULL,
    brief TEXT NOT NULL, data TEXT NOT NULL, label TEXT NOT NULL, state TEXT NOT NULL, priority ${integer} NOT NULL,
    parent_id TEXT, root_id TEXT NOT NULL, depth ${integer} NOT NULL, required TEXT NOT NULL, evidence TEXT NOT NULL,
    note TEXT NOT NULL, result TEXT, result_label TEXT, outcome TEXT, principal TEXT NOT NULL, session_id TEXT, run_id TEXT,
    version ${integer} NOT NULL, created_at ${integer} NOT NULL, updated_at ${integer} NOT NULL, finished_at ${integer})`,
  'CREATE INDEX tasks_open ON tasks (assignee, state) WHERE finished_at IS NULL',
  'CREATE INDEX tasks_run ON tasks (run_id) WHERE run_id IS NOT NULL',
  'CREATE INDEX tasks_root ON tasks (root_id)',
  'CREATE TABLE task_dependencies (task_id TEXT NOT NULL, depends_on TEXT NOT NULL, PRIMARY KEY (task_id, depends_on))',
  `CREATE TABLE mesh_effects (effect_id TEXT PRIMARY KEY, at ${integer} NOT NULL)`,
  'CREATE INDEX task_dependents ON task_dependencies (depends_on)',
];

export const meshMigration: Migration = {
  name: '0070-mesh',
  sqlite: tables('INTEGER'),
  postgres: tables('BIGINT'),
};
