import type { Generated } from 'kysely';
import type { Migration } from '../../storage/store.ts';

/** One row per effect, refusal, decision and change. Never updated and never deleted; see `docs/audit.md` for its chain. */
export interface AuditTable {
  seq: Generated<number>;
  at: number;
  /** Who did it: `owner`, `usr_…`, `agent:<id>`, `key:tok_…`, `holdfast`. */
  actor: string;
  /** The person it was done for; equal to the actor when a person did it. */
  principal: string | null;
  /** `cli`, `web`, `token`, `run`, `clock`, `vault`, or the name of a channel. */
  surface: string;
  action: string;
  target: string;
  outcome: string;
  agent_id: string | null;
  run_id: string | null;
  /** Binds the row to the exact arguments of a call without holding them. */
  args_hash: string | null;
  /** JSON of a few plain facts. */
  details: string | null;
}

/** What the chain says of a row. Kept apart, so that an audit row is written once. */
export interface AuditLinksTable {
  seq: number;
  chain: string;
  position: number;
  link: string;
}

export interface AuditChainsTable {
  id: string;
  first_seq: number;
  started_at: number;
  reason: string;
}

/** Heads that the vault signed: what an anchor was given. */
export interface AuditHeadsTable {
  chain: string;
  count: number;
  head: string;
}

/** How each anchor is doing. */
export interface AuditAnchorsTable {
  name: string;
  chain: string;
  count: number;
  at: number;
  failed_at: number | null;
  problem: string | null;
}

export interface AuditTables {
  audit: AuditTable;
  audit_links: AuditLinksTable;
  audit_chains: AuditChainsTable;
  audit_heads: AuditHeadsTable;
  audit_anchors: AuditAnchorsTable;
}

const columns = (integer: string): string => `
  at ${integer} NOT NULL, actor TEXT NOT NULL, principal TEXT, surface TEXT NOT NULL, action TEXT NOT NULL,
  target TEXT NOT NULL, outcome TEXT NOT NULL, agent_id TEXT, run_id TEXT, args_hash TEXT, details TEXT`;

const rest = (integer: string): string[] => [
  'CREATE INDEX audit_action ON audit (action, seq)',
  'CREATE INDEX audit_run ON audit (run_id, seq) WHERE run_id IS NOT NULL',
  `CREATE TABLE audit_links (seq ${integer} PRIMARY KEY, chain TEXT NOT NULL, position ${integer} NOT NULL,
    link TEXT NOT NULL, UNIQUE (chain, position))`,
  `CREATE TABLE audit_chains (id TEXT PRIMARY KEY, first_seq ${integer} NOT NULL, started_at ${integer} NOT NULL,
    reason TEXT NOT NULL)`,
  `CREATE TABLE audit_heads (chain TEXT NOT NULL, count ${integer} NOT NULL, head TEXT NOT NULL, PRIMARY KEY (chain, count))`,
  `CREATE TABLE audit_anchors (name TEXT PRIMARY KEY, chain TEXT NOT NULL, count ${integer} NOT NULL,
    at ${integer} NOT NULL, failed_at ${integer}, problem TEXT)`,
  `ALTER TABLE runs ADD COLUMN principal TEXT NOT NULL DEFAULT 'owner'`,
];

export const auditMigration: Migration = {
  name: '0040-audit',
  sqlite: [`CREATE TABLE audit (seq INTEGER PRIMARY KEY, ${columns('INTEGER')})`, ...rest('INTEGER')],
  postgres: [`CREATE TABLE audit (seq BIGSERIAL PRIMARY KEY, ${columns('BIGINT')})`, ...rest('BIGINT')],
};
