import type { DatabaseSync } from 'node:sqlite';
import { HoldfastError } from '../../protocol/error.ts';
import { MAX_SECRET_CHARS, SecretName } from '../../protocol/vault-api.ts';
import { checkpoint } from './database.ts';
import { type KeyRing, vaultLocked } from './key-ring.ts';
import { type Sealed, seal, unseal } from './sealed.ts';

/**
 * Secrets by name. Values go in by a route and come out of no route: `reveal` is called only where the vault itself puts a
 * key into a request, and `values` feeds the guard that keeps them out of responses.
 */
export interface Secrets {
  put(name: string, value: Uint8Array): void;
  delete(name: string): void;
  names(): readonly string[];
  has(name: string): boolean;
  /** Throws `vault.locked`, or `vault.secret-missing`. */
  reveal(name: string): string;
  values(): readonly string[];
  /** Opens everything with the ring's key: after an unlock. */
  load(): void;
  reseal(from: Buffer, to: Buffer): void;
  /** Called after every change of the set of values. */
  onChange(listener: () => void): void;
}

export function createSecrets(database: DatabaseSync, ring: KeyRing): Secrets {
  return new SecretStore(database, ring);
}

class SecretStore implements Secrets {
  readonly #database: DatabaseSync;
  readonly #ring: KeyRing;
  readonly #open = new Map<string, string>();
  readonly #names = new Set<string>();
  readonly #listeners: (() => void)[] = [];

  constructor(database: DatabaseSync, ring: KeyRing) {
    this.#database = database;
    this.#ring = ring;
    for (const { name } of this.#rows()) this.#names.add(name);
  }

  put(name: string, value: Uint8Array): void {
    const key = this.#ring.key;
    if (!key) throw vaultLocked();
    const parsed = SecretName.safeParse(name);
    if (!parsed.success)
      throw new HoldfastError('bad-request', `Secret name ${JSON.stringify(name)}: use 1 to 128 of A-Z a-z 0-9 _ . -`);
    const text = checkedText(name, value);
    this.#write(name, seal(key, name, Buffer.from(text)));
    checkpoint(this.#database);
    this.#names.add(name);
    this.#open.set(name, text);
    this.#changed();
  }

  delete(name: string): void {
    if (!this.#names.has(name)) throw missing(name);
    this.#database.prepare('DELETE FROM secrets WHERE name = ?').run(name);
    checkpoint(this.#database);
    this.#names.delete(name);
    this.#open.delete(name);
    this.#changed();
  }

  names(): readonly string[] {
    return [...this.#names].sort();
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  reveal(name: string): string {
    if (!this.#ring.key) throw vaultLocked();
    const value = this.#open.get(name);
    if (value === undefined) throw missing(name);
    return value;
  }

  values(): readonly string[] {
    return [...this.#open.values()];
  }

  load(): void {
    const key = this.#ring.key;
    if (!key) return;
    for (const row of this.#rows()) this.#open.set(row.name, openRow(key, row).toString('utf8'));
    this.#changed();
  }

  reseal(from: Buffer, to: Buffer): void {
    for (const row of this.#rows()) this.#write(row.name, seal(to, row.name, openRow(from, row)));
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  #write(name: string, sealed: Sealed): void {
    this.#database
      .prepare(
        `INSERT INTO secrets (name, nonce, sealed, tag, changed_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE
         SET nonce = excluded.nonce, sealed = excluded.sealed, tag = excluded.tag, changed_at = excluded.changed_at`,
      )
      .run(name, sealed.nonce, sealed.sealed, sealed.tag, Date.now());
  }

  #rows(): readonly SecretRow[] {
    return this.#database.prepare('SELECT name, nonce, sealed, tag FROM secrets').all().map(toRow);
  }
}

interface SecretRow extends Sealed {
  readonly name: string;
}

function toRow(row: Record<string, unknown>): SecretRow {
  const { name, nonce, sealed, tag } = row;
  if (
    typeof name !== 'string' ||
    !(nonce instanceof Uint8Array) ||
    !(sealed instanceof Uint8Array) ||
    !(tag instanceof Uint8Array)
  )
    throw new HoldfastError('storage.corrupt', 'A row of the secrets table does not have its columns.');
  return { name, nonce, sealed, tag };
}

function openRow(key: Buffer, row: SecretRow): Buffer {
  const value = unseal(key, row.name, row);
  if (value) return value;
  throw new HoldfastError(
    'storage.corrupt',
    `The stored secret ${row.name} does not authenticate: vault.db was changed from outside.`,
    {
      remedy: 'Restore vault.db from a backup, or delete this secret and enter it again.',
    },
  );
}

function checkedText(name: string, value: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(value).replace(/\r?\n$/, '');
  } catch (error) {
    throw new HoldfastError('bad-request', `The value of secret ${name} is not UTF-8 text.`, { cause: error });
  }
  if (text === '')
    throw new HoldfastError('bad-request', `The value of secret ${name} is empty.`, {
      remedy: 'Send the value as the body.',
    });
  if (text.length > MAX_SECRET_CHARS)
    throw new HoldfastError(
      'too-large',
      `The value of secret ${name} has ${text.length} characters; ${MAX_SECRET_CHARS} are allowed.`,
    );
  return text;
}

function missing(name: string): HoldfastError {
  return new HoldfastError('vault.secret-missing', `The vault has no secret named ${name}.`, {
    remedy: 'Add it with `holdfast setup`.',
  });
}
