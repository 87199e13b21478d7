import type { DatabaseSync } from 'node:sqlite';
import {
  CredentialFacts,
  type CredentialKind,
  CredentialName,
  CredentialParts,
  type CredentialView,
  ownerOfName,
  partsProblem,
  secretParts,
} from '../../protocol/credential.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { parseWith } from '../http/parse.ts';
import { checkpoint } from '../store/database.ts';
import { type KeyRing, vaultLocked } from '../store/key-ring.ts';
import {
  type CredentialRow,
  type CredentialTable,
  createCredentialTable,
  type OpenCredential,
} from './credential-table.ts';
import { createGrants, type Grants } from './grants.ts';

/**
 * The agent tier. A value goes in by a route and comes out of none: `resolve` is for code of the vault that puts it into a
 * request, after asking whether this very agent may use it. What is not granted and what does not exist are answered
 * alike, so that names cannot be guessed. The keys of model providers are in another table under other seals: there is no
 * name that could mean one of them here.
 */
export interface Credentials {
  readonly grants: Grants;
  /** Contract: called only inside the vault; `credential.parts` never reach a log, an error or an answer. */
  resolve(want: { readonly agent: string; readonly name: string }): Resolved;
  /** As it is now, whoever may use it: for the vault's own renewals and the owner's logins, never for a request of an agent. */
  current(name: string): OpenCredential | undefined;
  /** What this agent may name. */
  namesFor(agent: string): readonly AgentCredential[];
  list(): readonly CredentialView[];
  has(name: string): boolean;
  /** A new one; throws `conflict` when the name is taken. */
  add(name: string, what: NewCredential): void;
  /** New values under a name that exists; kind, places and grants stay. */
  rotate(name: string, parts: CredentialParts): void;
  remove(name: string): void;
  /**
   * For the vault's own renewals (OAuth2): writes only if nobody changed it since `version`; answers whether it did.
   */
  renew(name: string, version: number, parts: CredentialParts): boolean;
  /** All of it, open; for the sealed export alone. */
  all(): { readonly name: string; readonly facts: CredentialFacts; readonly parts: CredentialParts }[];
  /** Every secret part of every credential, for the guard that keeps them in. */
  values(): readonly string[];
  /** Opens everything with the ring's key: after an unlock. */
  load(): void;
  reseal(from: Buffer, to: Buffer): void;
  /** Called after every change of the set of values. */
  onChange(listener: () => void): void;
}

export interface NewCredential {
  readonly facts: CredentialFacts;
  readonly parts: CredentialParts;
}

export interface AgentCredential {
  readonly name: string;
  readonly kind: CredentialKind;
  readonly note: string;
  readonly places: readonly string[];
}

export type Resolved =
  | { readonly kind: 'ok'; readonly credential: OpenCredential }
  | { readonly kind: 'denied'; readonly reason: string; readonly unlock: string };

export interface CredentialsDeps {
  readonly database: DatabaseSync;
  readonly ring: Pick<KeyRing, 'key'>;
  readonly now: () => number;
  /** Why this agent may use nothing at present. */
  readonly frozen: (agent: string) => { readonly reason: string; readonly unlock: string } | undefined;
}

const MOST_CREDENTIALS = 2_000;

export function createCredentials(deps: CredentialsDeps): Credentials {
  return new CredentialStore(deps);
}

class CredentialStore implements Credentials {
  readonly grants: Grants;
  readonly #deps: CredentialsDeps;
  readonly #table: CredentialTable;
  readonly #listeners: (() => void)[] = [];

  constructor(deps: CredentialsDeps) {
    this.#deps = deps;
    this.#table = createCredentialTable(deps.database);
    this.grants = createGrants(deps.database, deps.now);
  }

  resolve({ agent, name }: { readonly agent: string; readonly name: string }): Resolved {
    const frozen = this.#deps.frozen(agent);
    if (frozen) return { kind: 'denied', ...frozen };
    if (!this.#deps.ring.key) throw vaultLocked();
    const parsed = CredentialName.safeParse(name);
    const row = parsed.success ? this.#table.row(parsed.data) : undefined;
    if (!row || !this.grants.allows(agent, row.name)) return notGranted(agent, name);
    const parts = this.#table.partsOf(row.name);
    if (!parts) throw vaultLocked();
    this.#table.touch(row.name, this.#deps.now());
    const { kind, places, version } = row;
    return { kind: 'ok', credential: { name: row.name, kind, places, version, parts } };
  }

  current(name: string): OpenCredential | undefined {
    const row = this.#table.row(name.toLowerCase());
    const parts = row && this.#table.partsOf(row.name);
    if (!row || !parts) return undefined;
    return { name: row.name, kind: row.kind, places: row.places, version: row.version, parts };
  }

  namesFor(agent: string): readonly AgentCredential[] {
    return this.#table
      .rows()
      .filter((row) => this.grants.allows(agent, row.name))
      .map(({ name, kind, note, places }) => ({ name, kind, note, places }));
  }

  list(): readonly CredentialView[] {
    return this.#table.rows().map((row) => ({
      ...row,
      places: [...row.places],
      agents: [...this.grants.agentsOf(row.name)],
    }));
  }

  has(name: string): boolean {
    return this.#table.row(name.toLowerCase()) !== undefined;
  }

  add(nameText: string, what: NewCredential): void {
    const name = parseWith(CredentialName, nameText);
    const facts = parseWith(CredentialFacts, what.facts);
    if (this.#table.row(name))
      throw new HoldfastError('conflict', `There is a credential named ${name} already.`, {
        remedy: `Give it new values with \`holdfast credentials rotate ${name}\`, or choose another name.`,
      });
    if (this.#table.rows().length >= MOST_CREDENTIALS)
      throw new HoldfastError('too-large', `The vault holds ${MOST_CREDENTIALS} credentials already.`, {
        remedy: 'Remove some that nobody uses.',
      });
    const parts = checkedParts(name, facts.kind, what.parts);
    this.#write({ ...facts, name, version: 1, changedAt: this.#deps.now(), lastUsedAt: null }, parts);
  }

  rotate(nameText: string, given: CredentialParts): void {
    const row = this.#row(nameText);
    const parts = checkedParts(row.name, row.kind, given);
    this.#write({ ...row, version: row.version + 1, changedAt: this.#deps.now() }, parts);
  }

  remove(nameText: string): void {
    this.#table.remove(this.#row(nameText).name);
    checkpoint(this.#deps.database);
    this.#changed();
  }

  renew(nameText: string, version: number, given: CredentialParts): boolean {
    const row = this.#table.row(nameText.toLowerCase());
    if (!row || row.version !== version) return false;
    this.rotate(row.name, given);
    return true;
  }

  all(): ReturnType<Credentials['all']> {
    if (!this.#deps.ring.key) throw vaultLocked();
    return this.#table.rows().map(({ name, kind, note, places }) => ({
      name,
      facts: { kind, note, places: [...places] },
      parts: this.#table.partsOf(name) ?? {},
    }));
  }

  values(): readonly string[] {
    return this.#table.rows().flatMap((row) => secretParts(row.kind, this.#table.partsOf(row.name) ?? {}));
  }

  load(): void {
    const key = this.#deps.ring.key;
    if (!key) return;
    this.#table.open(key);
    this.#changed();
  }

  reseal(from: Buffer, to: Buffer): void {
    this.#table.reseal(from, to);
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  #row(nameText: string): CredentialRow {
    const row = this.#table.row(nameText.toLowerCase());
    if (row) return row;
    throw new HoldfastError('not-found', `There is no credential named ${nameText.slice(0, 128)}.`, {
      remedy: 'See `holdfast credentials list`.',
    });
  }

  #write(row: CredentialRow, parts: CredentialParts): void {
    const key = this.#deps.ring.key;
    if (!key) throw vaultLocked();
    this.#table.write(key, row, parts);
    checkpoint(this.#deps.database);
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

function checkedParts(name: string, kind: CredentialKind, given: CredentialParts): CredentialParts {
  const parts = parseWith(CredentialParts, given);
  const problem = partsProblem(kind, parts);
  if (problem) throw new HoldfastError('bad-request', `Credential ${name}: ${problem}.`);
  return parts;
}

/** The same words whether it exists or not. */
function notGranted(agent: string, name: string): Resolved {
  const shown = /^[A-Za-z0-9_.-]{1,128}$/.test(name) ? name : JSON.stringify(name.slice(0, 128));
  const own = ownerOfName(name.toLowerCase()) === agent;
  return {
    kind: 'denied',
    reason: `The agent ${agent} may use no credential named ${shown}.`,
    unlock: own
      ? 'Make it first, with the tool vault_generate_secret.'
      : `holdfast credentials grant ${agent} ${shown}`,
  };
}
