import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { CredentialKind, CredentialParts } from '../../protocol/credential.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { type Sealed, seal, unseal } from '../store/sealed.ts';

/**
 * The rows of the agent tier and, while the vault is unlocked, their open parts. The seal covers name, kind, places and
 * version: a row that was moved to another name or given another place to go does not open.
 */
export interface CredentialRow {
  readonly name: string;
  readonly kind: CredentialKind;
  readonly note: string;
  readonly places: readonly string[];
  readonly version: number;
  readonly changedAt: number;
  readonly lastUsedAt: number | null;
}

/** One credential with its values, inside the vault alone. */
export interface OpenCredential {
  readonly name: string;
  readonly kind: CredentialKind;
  readonly places: readonly string[];
  readonly version: number;
  readonly parts: CredentialParts;
}

export interface CredentialTable {
  row(name: string): CredentialRow | undefined;
  rows(): readonly CredentialRow[];
  partsOf(name: string): CredentialParts | undefined;
  write(key: Buffer, row: CredentialRow, parts: CredentialParts): void;
  remove(name: string): void;
  touch(name: string, at: number): void;
  open(key: Buffer): void;
  reseal(from: Buffer, to: Buffer): void;
}

/** The time of a use is kept to the minute: a busy agent does not make a write of every call. */
const TOUCH_MS = 60_000;

export function createCredentialTable(database: DatabaseSync): CredentialTable {
  const rows = new Map<string, CredentialRow>();
  const open = new Map<string, CredentialParts>();
  for (const row of database.prepare(`${SELECT} ORDER BY name`).all().map(readRow)) rows.set(row.name, row);
  const save = (key: Buffer, row: CredentialRow, parts: CredentialParts): void => {
    const { nonce, sealed, tag } = seal(key, sealNameOf(row), Buffer.from(JSON.stringify(parts)));
    database
      .prepare(UPSERT)
      .run(
        row.name,
        row.kind,
        row.note,
        JSON.stringify(row.places),
        row.version,
        row.changedAt,
        row.lastUsedAt,
        nonce,
        sealed,
        tag,
      );
  };
  const openAll = (key: Buffer): [CredentialRow, CredentialParts][] =>
    database
      .prepare(`${SELECT} ORDER BY name`)
      .all()
      .map((raw) => [readRow(raw), openParts(key, readRow(raw), raw)]);
  return {
    row: (name) => rows.get(name),
    rows: () => [...rows.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    partsOf: (name) => open.get(name),
    write: (key, row, parts) => {
      save(key, row, parts);
      rows.set(row.name, row);
      open.set(row.name, parts);
    },
    remove: (name) => {
      database.prepare('DELETE FROM credentials WHERE name = ?').run(name);
      rows.delete(name);
      open.delete(name);
    },
    touch: (name, at) => {
      const row = rows.get(name);
      if (!row || at - (row.lastUsedAt ?? 0) < TOUCH_MS) return;
      database.prepare('UPDATE credentials SET last_used_at = ? WHERE name = ?').run(at, name);
      rows.set(name, { ...row, lastUsedAt: at });
    },
    open: (key) => {
      for (const [row, parts] of openAll(key)) open.set(row.name, parts);
    },
    reseal: (from, to) => {
      for (const [row, parts] of openAll(from)) save(to, row, parts);
    },
  };
}

const SELECT =
  'SELECT name, kind, note, places, version, changed_at, last_used_at, nonce, sealed, tag FROM credentials';
const UPSERT = `INSERT OR REPLACE INTO credentials
  (name, kind, note, places, version, changed_at, last_used_at, nonce, sealed, tag) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** No secret of the system tier has a name with a line break: the two tiers can never open each other's rows. */
function sealNameOf({ name, kind, places, version }: CredentialRow): string {
  return ['credential', name, kind, JSON.stringify(places), version].join('\n');
}

const Raw = z.object({
  name: z.string(),
  kind: CredentialKind,
  note: z.string(),
  places: z.string(),
  version: z.number(),
  changed_at: z.number(),
  last_used_at: z.number().nullable(),
});
const Places = z.array(z.string());

function readRow(raw: Record<string, unknown>): CredentialRow {
  const { changed_at: changedAt, last_used_at: lastUsedAt, places, ...rest } = Raw.parse(raw);
  return { ...rest, places: Places.parse(JSON.parse(places)), changedAt, lastUsedAt };
}

function openParts(key: Buffer, row: CredentialRow, raw: Record<string, unknown>): CredentialParts {
  const value = unseal(key, sealNameOf(row), sealedOf(raw));
  if (value) return CredentialParts.parse(JSON.parse(value.toString('utf8')));
  throw new HoldfastError(
    'storage.corrupt',
    `The stored credential ${row.name} does not authenticate: vault.db was changed from outside.`,
    { remedy: 'Restore vault.db from a backup.' },
  );
}

function sealedOf({ nonce, sealed, tag }: Record<string, unknown>): Sealed {
  if (nonce instanceof Uint8Array && sealed instanceof Uint8Array && tag instanceof Uint8Array)
    return { nonce, sealed, tag };
  throw new HoldfastError('storage.corrupt', 'A row of the credentials table does not have its columns.');
}
