import type { Migration } from '../../storage/store.ts';

/** Untrusted text that a model was not shown: it got the id. The text is a blob, the label is the text's own. */
export interface UntrustedRefsTable {
  id: string;
  run_id: string;
  session_id: string | null;
  agent_id: string;
  tool: string;
  label: string;
  blob: string;
  bytes: number;
  created_at: number;
}

const columns = (integer: string): string => `
  id TEXT PRIMARY KEY, run_id TEXT NOT NULL, session_id TEXT, agent_id TEXT NOT NULL, tool TEXT NOT NULL,
  label TEXT NOT NULL, blob TEXT NOT NULL, bytes ${integer} NOT NULL, created_at ${integer} NOT NULL`;

export const quarantineMigration: Migration = {
  name: '0036-untrusted-refs',
  sqlite: [`CREATE TABLE untrusted_refs (${columns('INTEGER')})`],
  postgres: [`CREATE TABLE untrusted_refs (${columns('BIGINT')})`],
};
