import type { Migration } from '../../storage/store.ts';

/** Who may use the API. Nothing here can be turned back into a link, a cookie or a token: only SHA-256 hashes are kept. */
const TABLES = [
  `CREATE TABLE login_links (
    hash TEXT PRIMARY KEY,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
  )`,
  `CREATE TABLE logins (
    hash TEXT PRIMARY KEY,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
  )`,
  `CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    note TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT
  )`,
];

export const accessMigration: Migration = { name: '0008-access', sqlite: TABLES, postgres: TABLES };
