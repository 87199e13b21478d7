import { budgetMigrations } from '../budgets/migrations.ts';
import { keyMigrations } from '../keys/migrations.ts';

/** The schema of `vault.db`, in order. A released entry is never edited; a change is a new one at the end. */
export interface VaultMigration {
  readonly name: string;
  readonly statements: readonly string[];
}

export const MIGRATIONS: readonly VaultMigration[] = [
  {
    name: '0001-vault',
    statements: [
      'CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID',
      `CREATE TABLE secrets (
        name TEXT PRIMARY KEY, nonce BLOB NOT NULL, sealed BLOB NOT NULL, tag BLOB NOT NULL, changed_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID`,
      'CREATE TABLE providers (id TEXT PRIMARY KEY, setting TEXT NOT NULL) STRICT, WITHOUT ROWID',
      'CREATE TABLE budgets (agent TEXT PRIMARY KEY, daily_nano INTEGER, monthly_nano INTEGER) STRICT, WITHOUT ROWID',
      'CREATE TABLE egress_exceptions (agent TEXT PRIMARY KEY, hosts TEXT NOT NULL) STRICT, WITHOUT ROWID',
      `CREATE TABLE callers (
        id TEXT PRIMARY KEY, token_hash TEXT NOT NULL UNIQUE, agent TEXT NOT NULL, note TEXT NOT NULL, created_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID`,
      `CREATE TABLE calls (
        call_id TEXT PRIMARY KEY, agent TEXT NOT NULL, run TEXT, provider TEXT NOT NULL, model TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('reserved', 'settled', 'estimated', 'released')),
        reserved_nano INTEGER NOT NULL, cost_nano INTEGER NOT NULL DEFAULT 0,
        input_tokens INTEGER, output_tokens INTEGER, cached_tokens INTEGER, cache_write_tokens INTEGER, reasoning_tokens INTEGER,
        started_at INTEGER NOT NULL, finished_at INTEGER
      ) STRICT, WITHOUT ROWID`,
      'CREATE INDEX calls_by_time ON calls (started_at)',
      `CREATE TABLE fetches (
        id INTEGER PRIMARY KEY, agent TEXT NOT NULL, run TEXT, url TEXT NOT NULL, final_url TEXT, outcome TEXT NOT NULL,
        status INTEGER, bytes INTEGER NOT NULL, at INTEGER NOT NULL
      ) STRICT`,
    ],
  },
  {
    name: '0002-egress-proxy',
    statements: [
      'CREATE TABLE egress_rules (agent TEXT PRIMARY KEY, rules TEXT NOT NULL) STRICT, WITHOUT ROWID',
      `CREATE TABLE egress_doors (
        run TEXT PRIMARY KEY, agent TEXT NOT NULL, only_places TEXT, name TEXT NOT NULL, renewed_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID`,
      `CREATE TABLE egress_connections (
        id INTEGER PRIMARY KEY, agent TEXT NOT NULL, run TEXT NOT NULL, scheme TEXT NOT NULL, host TEXT NOT NULL,
        port INTEGER NOT NULL, verdict TEXT NOT NULL CHECK (verdict IN ('open', 'done', 'denied', 'failed', 'cut')),
        reason TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 1, bytes_up INTEGER NOT NULL DEFAULT 0,
        bytes_down INTEGER NOT NULL DEFAULT 0, started_at INTEGER NOT NULL, finished_at INTEGER
      ) STRICT`,
      'CREATE INDEX egress_connections_by_run ON egress_connections (run, verdict)',
    ],
  },
  {
    name: '0010-credentials',
    statements: [
      `CREATE TABLE credentials (
        name TEXT PRIMARY KEY, kind TEXT NOT NULL, note TEXT NOT NULL, places TEXT NOT NULL,
        version INTEGER NOT NULL, changed_at INTEGER NOT NULL,
        last_used_at INTEGER, nonce BLOB NOT NULL, sealed BLOB NOT NULL, tag BLOB NOT NULL
      ) STRICT, WITHOUT ROWID`,
      `CREATE TABLE credential_grants (
        agent TEXT NOT NULL, glob TEXT NOT NULL, granted_at INTEGER NOT NULL, PRIMARY KEY (agent, glob)
      ) STRICT, WITHOUT ROWID`,
      `CREATE TABLE freezes (
        scope TEXT PRIMARY KEY, reason TEXT NOT NULL, source TEXT NOT NULL, at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID`,
    ],
  },
  {
    name: '0011-owner-changes',
    statements: [
      `CREATE TABLE owner_keys (
        id TEXT PRIMARY KEY, public_key TEXT NOT NULL, label TEXT NOT NULL, scopes TEXT NOT NULL, created_at INTEGER NOT NULL,
        last_used_at INTEGER
      ) STRICT, WITHOUT ROWID`,
      'CREATE TABLE used_envelopes (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID',
      `CREATE TABLE held_changes (
        id TEXT PRIMARY KEY, payload TEXT NOT NULL, received_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID`,
    ],
  },
  {
    name: '0012-canaries',
    statements: [
      `CREATE TABLE canaries (
        agent TEXT PRIMARY KEY, nonce BLOB NOT NULL, sealed BLOB NOT NULL, tag BLOB NOT NULL, made_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID`,
    ],
  },
  {
    name: '0020-services',
    statements: [
      'CREATE TABLE services (name TEXT PRIMARY KEY, setting TEXT NOT NULL) STRICT, WITHOUT ROWID',
      'CREATE TABLE trusted_authorities (name TEXT PRIMARY KEY, pem TEXT NOT NULL) STRICT, WITHOUT ROWID',
      `CREATE TABLE service_calls (
        id INTEGER PRIMARY KEY, agent TEXT NOT NULL, run TEXT, method TEXT NOT NULL, url TEXT NOT NULL, final_url TEXT,
        service TEXT, outcome TEXT NOT NULL, status INTEGER, bytes_up INTEGER NOT NULL, bytes_down INTEGER NOT NULL,
        redacted INTEGER NOT NULL, at INTEGER NOT NULL
      ) STRICT`,
      'CREATE INDEX service_calls_by_time ON service_calls (at)',
    ],
  },
  {
    name: '0021-interception',
    statements: [
      `CREATE TABLE intercept_authority (
        id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL, certificate TEXT NOT NULL, expires_at INTEGER NOT NULL,
        nonce BLOB NOT NULL, sealed BLOB NOT NULL, tag BLOB NOT NULL
      ) STRICT`,
      "ALTER TABLE egress_connections ADD COLUMN method TEXT NOT NULL DEFAULT ''",
      "ALTER TABLE egress_connections ADD COLUMN path TEXT NOT NULL DEFAULT ''",
      "ALTER TABLE egress_connections ADD COLUMN service TEXT NOT NULL DEFAULT ''",
      'CREATE INDEX egress_connections_by_end ON egress_connections (finished_at)',
    ],
  },
  {
    name: '0022-task-grants',
    statements: [
      `CREATE TABLE egress_task_grants (
        run TEXT NOT NULL, agent TEXT NOT NULL, place TEXT NOT NULL, granted_at INTEGER NOT NULL, PRIMARY KEY (run, place)
      ) STRICT, WITHOUT ROWID`,
      "ALTER TABLE egress_connections ADD COLUMN ask TEXT NOT NULL DEFAULT ''",
    ],
  },
  {
    name: '0040-audit',
    statements: [
      `CREATE TABLE audit_heads (
        chain TEXT PRIMARY KEY, count INTEGER NOT NULL, seq INTEGER NOT NULL, link TEXT NOT NULL, at INTEGER NOT NULL
      ) STRICT`,
      `CREATE TABLE audit_events (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, door TEXT NOT NULL, action TEXT NOT NULL,
        target TEXT NOT NULL, outcome TEXT NOT NULL
      ) STRICT`,
    ],
  },
  ...budgetMigrations,
  ...keyMigrations,
];
