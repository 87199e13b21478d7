import type { Migration } from '../../storage/store.ts';

export interface AgentsTable {
  id: string;
  kind: string;
  title: string;
  description: string;
  /** Null: the model of the configuration. */
  model: string | null;
  instructions: string;
  /** JSON array of tool names. */
  tools: string;
  created_at: number;
}

const columns = (integer: string): string => `
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, title TEXT NOT NULL, description TEXT NOT NULL, model TEXT,
  instructions TEXT NOT NULL, tools TEXT NOT NULL, created_at ${integer} NOT NULL`;

export const agentsMigration: Migration = {
  name: '0006-agents',
  sqlite: [`CREATE TABLE agents (${columns('INTEGER')})`],
  postgres: [`CREATE TABLE agents (${columns('BIGINT')})`],
};
