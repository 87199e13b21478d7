import type { Migration } from '../../storage/store.ts';

/** What the host keeps frozen. It outlives restarts of host and vault; the vault keeps its own. */
export interface FreezesTable {
  /** An agent, or `*`. */
  scope: string;
  reason: string;
  actor: string;
  surface: string;
  at: number;
  /** 1 once the vault has said that it is frozen there too: from then on the vault decides when it ends. */
  in_vault: number;
}

const columns = (integer: string): string => `
  scope TEXT PRIMARY KEY, reason TEXT NOT NULL, actor TEXT NOT NULL, surface TEXT NOT NULL, at ${integer} NOT NULL,
  in_vault INTEGER NOT NULL`;

export const freezeMigration: Migration = {
  name: '0041-freezes',
  sqlite: [`CREATE TABLE freezes (${columns('INTEGER')})`],
  postgres: [`CREATE TABLE freezes (${columns('BIGINT')})`],
};
