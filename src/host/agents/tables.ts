import type { Migration } from '../../storage/store.ts';

export interface AgentsTable {
  id: string;
  kind: string;
  title: string;
  description: string;
  /** Null: the model of the configuration. */
  model: string | null;
  /** The operator's, as this version ships them. Other agents have theirs in INSTRUCTIONS.md. */
  instructions: string;
  /** JSON array of tool names. */
  tools: string;
  created_at: number;
  role: string;
  thinking: string | null;
  /** JSON of `Permissions`. */
  permissions: string;
  /** JSON of `AgentLimits`. */
  limits: string;
  /** JSON of `AgentSandbox`. */
  sandbox: string;
  schedule: string | null;
  team: string | null;
  status: string;
  /** Raised by each change; a change is guarded by the one it was made from. */
  revision: number;
  updated_at: number;
}

/** What each change made of an agent. Never deleted: an agent's history outlives the agent. */
export interface AgentRevisionsTable {
  agent_id: string;
  revision: number;
  at: number;
  actor: string;
  surface: string;
  change: string;
  /** JSON of the whole configuration and status after the change. */
  state: string;
}

/** The newest versions of each persona file. The file on the disk is what counts; this is its history. */
export interface AgentFilesTable {
  agent_id: string;
  name: string;
  version: number;
  at: number;
  actor: string;
  content: string;
}

const columns = (integer: string): string => `
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, title TEXT NOT NULL, description TEXT NOT NULL, model TEXT,
  instructions TEXT NOT NULL, tools TEXT NOT NULL, created_at ${integer} NOT NULL`;

export const agentsMigration: Migration = {
  name: '0006-agents',
  sqlite: [`CREATE TABLE agents (${columns('INTEGER')})`],
  postgres: [`CREATE TABLE agents (${columns('BIGINT')})`],
};

const fleet = (integer: string): string[] => [
  `ALTER TABLE agents ADD COLUMN role TEXT NOT NULL DEFAULT ''`,
  'ALTER TABLE agents ADD COLUMN thinking TEXT',
  `ALTER TABLE agents ADD COLUMN permissions TEXT NOT NULL DEFAULT '{}'`,
  `ALTER TABLE agents ADD COLUMN limits TEXT NOT NULL DEFAULT '{}'`,
  `ALTER TABLE agents ADD COLUMN sandbox TEXT NOT NULL DEFAULT '{}'`,
  'ALTER TABLE agents ADD COLUMN schedule TEXT',
  'ALTER TABLE agents ADD COLUMN team TEXT',
  `ALTER TABLE agents ADD COLUMN status TEXT NOT NULL DEFAULT 'active'`,
  `ALTER TABLE agents ADD COLUMN revision ${integer} NOT NULL DEFAULT 1`,
  `ALTER TABLE agents ADD COLUMN updated_at ${integer} NOT NULL DEFAULT 0`,
  'CREATE INDEX agents_team ON agents (team) WHERE team IS NOT NULL',
  `CREATE TABLE agent_revisions (
    agent_id TEXT NOT NULL, revision ${integer} NOT NULL, at ${integer} NOT NULL, actor TEXT NOT NULL,
    surface TEXT NOT NULL, change TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (agent_id, revision))`,
  `CREATE TABLE agent_files (
    agent_id TEXT NOT NULL, name TEXT NOT NULL, version ${integer} NOT NULL, at ${integer} NOT NULL,
    actor TEXT NOT NULL, content TEXT NOT NULL, PRIMARY KEY (agent_id, name, version))`,
];

export const fleetAgentsMigration: Migration = {
  name: '0050-fleet-agents',
  sqlite: fleet('INTEGER'),
  postgres: fleet('BIGINT'),
};
