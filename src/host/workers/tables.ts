import type { Migration } from '../../storage/store.ts';

export interface WorkerLineagesTable {
  /** The agent's own run that all of them go back to. */
  root_run_id: string;
  total: number;
  open: number;
}

/** One row per worker that is not over: a second launch of the same task finds it. */
export interface WorkerLaunchesTable {
  scope: string;
  key: string;
  run_id: string;
}

/** The newest versions of the owner's own templates; `content` is null for a removal. */
export interface TemplateVersionsTable {
  kind: string;
  id: string;
  version: number;
  at: number;
  actor: string;
  content: string | null;
}

const tables = (integer: string): string[] => [
  `CREATE TABLE worker_lineages (
    root_run_id TEXT PRIMARY KEY, total ${integer} NOT NULL, open ${integer} NOT NULL)`,
  'CREATE TABLE worker_launches (scope TEXT NOT NULL, key TEXT NOT NULL, run_id TEXT NOT NULL, PRIMARY KEY (scope, key))',
  'CREATE INDEX worker_launches_run ON worker_launches (run_id)',
  `CREATE TABLE template_versions (
    kind TEXT NOT NULL, id TEXT NOT NULL, version ${integer} NOT NULL, at ${integer} NOT NULL, actor TEXT NOT NULL,
    content TEXT, PRIMARY KEY (kind, id, version))`,
];

export const workersMigration: Migration = {
  name: '0051-workers',
  sqlite: tables('INTEGER'),
  postgres: tables('BIGINT'),
};
