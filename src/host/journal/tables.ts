import type { Generated } from 'kysely';
import type { Migration } from '../../storage/store.ts';

export interface EventsTable {
  seq: Generated<number>;
  run_id: string | null;
  session_id: string | null;
  agent_id: string | null;
  at: number;
  type: string;
  /** Version of the event shapes; readers upgrade older ones. */
  version: number;
  payload: string;
}

export const EVENT_VERSION = 1;

/** Nothing is ever deleted from the journal, so SQLite's plain rowid already only grows. */
export const journalMigration: Migration = {
  name: '0001-journal',
  sqlite: [
    `CREATE TABLE events (
      seq INTEGER PRIMARY KEY, run_id TEXT, session_id TEXT, agent_id TEXT,
      at INTEGER NOT NULL, type TEXT NOT NULL, version INTEGER NOT NULL, payload TEXT NOT NULL)`,
    'CREATE INDEX events_run ON events (run_id, seq) WHERE run_id IS NOT NULL',
    'CREATE INDEX events_session ON events (session_id, seq) WHERE session_id IS NOT NULL',
  ],
  postgres: [
    `CREATE TABLE events (
      seq BIGSERIAL PRIMARY KEY, run_id TEXT, session_id TEXT, agent_id TEXT,
      at BIGINT NOT NULL, type TEXT NOT NULL, version INTEGER NOT NULL, payload TEXT NOT NULL)`,
    'CREATE INDEX events_run ON events (run_id, seq) WHERE run_id IS NOT NULL',
    'CREATE INDEX events_session ON events (session_id, seq) WHERE session_id IS NOT NULL',
  ],
};
