import type { Migration } from '../../storage/store.ts';

/** Files a run handed over. The bytes are a blob; the row says whose they are. */
export interface ArtifactsTable {
  id: string;
  run_id: string;
  name: string;
  media_type: string;
  blob: string;
  bytes: number;
  created_at: number;
}

const columns = (integer: string): string => `
  id TEXT PRIMARY KEY, run_id TEXT NOT NULL, name TEXT NOT NULL, media_type TEXT NOT NULL, blob TEXT NOT NULL,
  bytes ${integer} NOT NULL, created_at ${integer} NOT NULL`;

const indexes = [
  'CREATE INDEX artifacts_run ON artifacts (run_id)',
  'CREATE INDEX artifacts_created ON artifacts (created_at)',
];

export const artifactsMigration: Migration = {
  name: '0007-artifacts',
  sqlite: [`CREATE TABLE artifacts (${columns('INTEGER')})`, ...indexes],
  postgres: [`CREATE TABLE artifacts (${columns('BIGINT')})`, ...indexes],
};
