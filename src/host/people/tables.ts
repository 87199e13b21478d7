import type { Migration } from '../../storage/store.ts';

export interface PeopleTable {
  id: string;
  name: string;
  /** The name as it is compared: lower case. One living person has it. */
  name_key: string;
  role: string;
  created_at: number;
  last_seen_at: number | null;
  removed_at: number | null;
}

/** Who else may see a session. */
export interface SessionSharesTable {
  session_id: string;
  person: string;
  shared_at: number;
}

/** Addresses on channels whose messages count as a person's. */
export interface SendersTable {
  channel: string;
  address: string;
  person: string;
  paired_at: number;
}

/** A code is stored as a hash only. `attempts` are the wrong ones on its channel since it was made. */
export interface PairingsTable {
  hash: string;
  channel: string;
  person: string;
  created_at: number;
  expires_at: number;
  used_at: number | null;
}

export interface PeopleTables {
  people: PeopleTable;
  session_shares: SessionSharesTable;
  senders: SendersTable;
  pairings: PairingsTable;
}

const statements = (integer: string): string[] => [
  `CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT NOT NULL, name_key TEXT NOT NULL, role TEXT NOT NULL,
    created_at ${integer} NOT NULL, last_seen_at ${integer}, removed_at ${integer})`,
  'CREATE UNIQUE INDEX people_name ON people (name_key) WHERE removed_at IS NULL',
  `INSERT INTO people (id, name, name_key, role, created_at) VALUES ('owner', 'owner', 'owner', 'owner', 0)`,
  `CREATE TABLE session_shares (session_id TEXT NOT NULL, person TEXT NOT NULL, shared_at ${integer} NOT NULL,
    PRIMARY KEY (session_id, person))`,
  `CREATE TABLE senders (channel TEXT NOT NULL, address TEXT NOT NULL, person TEXT NOT NULL,
    paired_at ${integer} NOT NULL, PRIMARY KEY (channel, address))`,
  `CREATE TABLE pairings (hash TEXT PRIMARY KEY, channel TEXT NOT NULL, person TEXT NOT NULL,
    created_at ${integer} NOT NULL, expires_at ${integer} NOT NULL, used_at ${integer})`,
  `ALTER TABLE sessions ADD COLUMN principal TEXT NOT NULL DEFAULT 'owner'`,
  'CREATE INDEX sessions_principal ON sessions (principal, created_at)',
  'CREATE INDEX runs_principal ON runs (principal, created_at)',
  `ALTER TABLE login_links ADD COLUMN person TEXT NOT NULL DEFAULT 'owner'`,
  `ALTER TABLE logins ADD COLUMN person TEXT NOT NULL DEFAULT 'owner'`,
  'ALTER TABLE logins ADD COLUMN verified INTEGER NOT NULL DEFAULT 1',
  `ALTER TABLE api_tokens ADD COLUMN person TEXT NOT NULL DEFAULT 'owner'`,
  'ALTER TABLE api_tokens ADD COLUMN actions TEXT',
  'ALTER TABLE api_tokens ADD COLUMN agents TEXT',
  `ALTER TABLE api_tokens ADD COLUMN expires_at ${integer}`,
];

export const peopleMigration: Migration = {
  name: '0042-people',
  sqlite: statements('INTEGER'),
  postgres: statements('BIGINT'),
};
