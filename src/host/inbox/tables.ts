import type { Migration } from '../../storage/store.ts';

/** Every inbound message, from its arrival to a terminal state. Persisted before it is acknowledged. */
export interface InboxTable {
  id: string;
  channel: string;
  /** The sender's own id of the message: a second delivery of the same one changes nothing. */
  platform_message_id: string;
  agent_id: string;
  session_id: string;
  principal: string;
  text: string;
  state: string;
  run_id: string;
  /** How it was taken: `queue` as a run of its own, `steer` and `collect` into one that was there. */
  mode: string;
  /** The message whose run answers this one too. */
  merged_into: string | null;
  answer: string | null;
  error: string | null;
  received_at: number;
  finished_at: number | null;
}

export interface SessionsTable {
  id: string;
  agent_id: string;
  channel: string;
  chat_id: string;
  title: string;
  active: number;
  /** What happens to a message while the agent works on an earlier one. */
  mode: string;
  /** Tool rounds used and how often the session went on after its limit. */
  rounds: number;
  continues: number;
  created_at: number;
  last_message_at: number | null;
  /** The person it belongs to. */
  principal: string;
}

const inbox = (integer: string): string => `
  id TEXT PRIMARY KEY, channel TEXT NOT NULL, platform_message_id TEXT NOT NULL, agent_id TEXT NOT NULL,
  session_id TEXT NOT NULL, principal TEXT NOT NULL, text TEXT NOT NULL, state TEXT NOT NULL, run_id TEXT NOT NULL,
  answer TEXT, error TEXT, received_at ${integer} NOT NULL, finished_at ${integer},
  UNIQUE (channel, platform_message_id)`;

const sessions = (integer: string): string => `
  id TEXT PRIMARY KEY, agent_id TEXT NOT NULL, channel TEXT NOT NULL, chat_id TEXT NOT NULL, title TEXT NOT NULL,
  active INTEGER NOT NULL, rounds INTEGER NOT NULL, continues INTEGER NOT NULL, created_at ${integer} NOT NULL,
  last_message_at ${integer}`;

const indexes = [
  'CREATE INDEX inbox_session ON inbox (session_id, received_at)',
  'CREATE INDEX inbox_open ON inbox (state) WHERE finished_at IS NULL',
  'CREATE UNIQUE INDEX sessions_active ON sessions (agent_id, channel, chat_id) WHERE active = 1',
];

export const inboxMigration: Migration = {
  name: '0005-inbox',
  sqlite: [`CREATE TABLE inbox (${inbox('INTEGER')})`, `CREATE TABLE sessions (${sessions('INTEGER')})`, ...indexes],
  postgres: [`CREATE TABLE inbox (${inbox('BIGINT')})`, `CREATE TABLE sessions (${sessions('BIGINT')})`, ...indexes],
};
