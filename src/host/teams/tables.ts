import type { Migration } from '../../storage/store.ts';

export interface TeamsTable {
  id: string;
  title: string;
  description: string;
  template: string | null;
  lead: string | null;
  status: string;
  revision: number;
  created_at: number;
  updated_at: number;
}

const columns = (integer: string): string => `
  id TEXT PRIMARY KEY, title TEXT NOT NULL, description TEXT NOT NULL, template TEXT, lead TEXT, status TEXT NOT NULL,
  revision ${integer} NOT NULL, created_at ${integer} NOT NULL, updated_at ${integer} NOT NULL`;

export const teamsMigration: Migration = {
  name: '0053-teams',
  sqlite: [`CREATE TABLE teams (${columns('INTEGER')})`],
  postgres: [`CREATE TABLE teams (${columns('BIGINT')})`],
};
