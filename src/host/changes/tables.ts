import type { Migration } from '../../storage/store.ts';

/** One change of one field, kept so that it can be taken back for a while. */
export interface ChangesTable {
  id: string;
  target_kind: string;
  target: string;
  field: string;
  kind: string;
  /** JSON. */
  before: string;
  after: string;
  actor: string;
  surface: string;
  created_at: number;
  expires_at: number;
  undone_at: number | null;
  undone_by: string | null;
}

const columns = (integer: string): string => `
  id TEXT PRIMARY KEY, target_kind TEXT NOT NULL, target TEXT NOT NULL, field TEXT NOT NULL, kind TEXT NOT NULL,
  before TEXT NOT NULL, after TEXT NOT NULL, actor TEXT NOT NULL, surface TEXT NOT NULL,
  created_at ${integer} NOT NULL, expires_at ${integer} NOT NULL, undone_at ${integer}, undone_by TEXT`;
const index = 'CREATE INDEX changes_target ON changes (target_kind, target, field, created_at)';

export const changesMigration: Migration = {
  name: '0038-changes',
  sqlite: [`CREATE TABLE changes (${columns('INTEGER')})`, index],
  postgres: [`CREATE TABLE changes (${columns('BIGINT')})`, index],
};
