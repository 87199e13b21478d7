import type { Migration } from '../../storage/store.ts';

/** What lies in a place that outlives one tool call (a volume): the join of all that was put there. */
export interface LabelAreasTable {
  area: string;
  label: string;
  updated_at: number;
}

/** An owner's word that text of one origin may lead one agent to one sink, until it expires. */
export interface FlowExceptionsTable {
  id: string;
  subject: string;
  origin: string;
  sink: string;
  note: string;
  created_at: number;
  created_by: string;
  expires_at: number;
  removed_at: number | null;
  removed_by: string | null;
}

const areas = (integer: string): string =>
  `CREATE TABLE label_areas (area TEXT PRIMARY KEY, label TEXT NOT NULL, updated_at ${integer} NOT NULL)`;

const exceptions = (integer: string): string => `CREATE TABLE flow_exceptions (
  id TEXT PRIMARY KEY, subject TEXT NOT NULL, origin TEXT NOT NULL, sink TEXT NOT NULL, note TEXT NOT NULL,
  created_at ${integer} NOT NULL, created_by TEXT NOT NULL, expires_at ${integer} NOT NULL,
  removed_at ${integer}, removed_by TEXT)`;

export const labelsMigration: Migration = {
  name: '0035-labels',
  sqlite: [areas('INTEGER'), exceptions('INTEGER')],
  postgres: [areas('BIGINT'), exceptions('BIGINT')],
};
