import type { DatabaseSync } from 'node:sqlite';
import type { KeyHealthView } from '../../protocol/key-health.ts';
import { type FailureClass, isWholeKey, type KeyFailure } from './failure-class.ts';

/**
 * Which keys of which providers are worth trying. A failure puts (provider, key, model) aside for a while, or the whole key
 * where the key itself was refused; a success takes that back. Nothing is ever forbidden by it: when all are put aside, the
 * one that is due first is tried.
 *
 * Only what lasts (billing, auth) is kept over a restart; a transient failure is forgotten with the process.
 */
export interface KeyHealth {
  /** Best first: those that are ready in their own order, then by how soon they are. */
  order<T extends KeyRef>(keys: readonly T[], model: string): readonly T[];
  /** When the key may be used for the model, 0: now. */
  readyAt(key: KeyRef, model: string): number;
  failed(key: KeyRef, model: string, failure: KeyFailure): void;
  succeeded(key: KeyRef, model: string): void;
  /** The key was entered anew or removed. */
  forget(secretName: string): void;
  list(): readonly KeyHealthView[];
}

export interface KeyRef {
  readonly provider: string;
  /** The secret's name; what it is called everywhere. */
  readonly key: string;
}

interface Entry extends KeyHealthView {
  readonly strikes: number;
  /** Unix milliseconds of the failure that set it. */
  readonly at: number;
}

const LADDER_MS = [60_000, 300_000, 1_500_000] as const;
const LASTING_MS = 3_600_000;
const LONGEST_MS = 86_400_000;
const MOST_ENTRIES = 5_000;
/** Of entries that hold for every model of a key. */
const ANY = '*';

export function createKeyHealth(database: DatabaseSync, now: () => number): KeyHealth {
  return new HealthTable(database, now);
}

class HealthTable implements KeyHealth {
  readonly #database: DatabaseSync;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();

  constructor(database: DatabaseSync, now: () => number) {
    this.#database = database;
    this.#now = now;
    for (const row of database.prepare('SELECT * FROM key_health').all()) {
      const entry = toEntry(row);
      this.#entries.set(idOf(entry), entry);
    }
  }

  order<T extends KeyRef>(keys: readonly T[], model: string): readonly T[] {
    if (keys.length < 2) return keys;
    const ranked = keys.map((key, index) => ({ key, index, readyAt: this.readyAt(key, model) }));
    return ranked.sort((a, b) => a.readyAt - b.readyAt || a.index - b.index).map(({ key }) => key);
  }

  readyAt(key: KeyRef, model: string): number {
    const now = this.#now();
    let readyAt = 0;
    for (const entry of this.#entries.values()) {
      if (entry.key !== key.key || entry.provider !== key.provider || entry.until <= now) continue;
      if (entry.model === ANY || entry.model === model) readyAt = Math.max(readyAt, entry.until);
    }
    return readyAt;
  }

  failed({ provider, key }: KeyRef, model: string, failure: KeyFailure): void {
    const now = this.#now();
    const place = { provider, key, model: isWholeKey(failure) ? ANY : model, class: failure.class };
    const before = this.#entries.get(idOf(place));
    // Calls that were under way when the first of them failed say nothing new.
    const isNews = before === undefined || failure.startedAt > before.at;
    const strikes = before === undefined ? 1 : isNews ? before.strikes + 1 : before.strikes;
    const until = isNews ? now + waitOf(failure, strikes) : Math.max(before.until, now + (failure.retryAfterMs ?? 0));
    const entry: Entry = { ...place, strikes, until, at: isNews ? now : before.at, reason: failure.reason };
    this.#entries.set(idOf(place), entry);
    if (isLasting(failure.class)) this.#keep(entry);
    if (this.#entries.size > MOST_ENTRIES) this.#forgetOld();
  }

  succeeded(key: KeyRef, model: string): void {
    for (const entry of this.#entries.values())
      if (entry.key === key.key && entry.provider === key.provider && (entry.model === ANY || entry.model === model))
        this.#drop(entry);
  }

  forget(secretName: string): void {
    for (const entry of this.#entries.values()) if (entry.key === secretName) this.#drop(entry);
  }

  list(): readonly KeyHealthView[] {
    const now = this.#now();
    return [...this.#entries.values()]
      .filter(({ until }) => until > now)
      .map(({ provider, key, model, class: kind, until, reason }) => ({
        provider,
        key,
        model,
        class: kind,
        until,
        reason,
      }));
  }

  #keep({ provider, key, model, class: kind, strikes, until, at, reason }: Entry): void {
    this.#database
      .prepare(
        `INSERT INTO key_health (provider, key, model, class, strikes, until, at, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (provider, key, model, class) DO UPDATE SET strikes = excluded.strikes, until = excluded.until,
         at = excluded.at, reason = excluded.reason`,
      )
      .run(provider, key, model, kind, strikes, until, at, reason);
  }

  #drop(entry: Entry): void {
    this.#entries.delete(idOf(entry));
    if (!isLasting(entry.class)) return;
    this.#database
      .prepare('DELETE FROM key_health WHERE provider = ? AND key = ? AND model = ? AND class = ?')
      .run(entry.provider, entry.key, entry.model, entry.class);
  }

  #forgetOld(): void {
    const now = this.#now();
    for (const entry of this.#entries.values()) if (entry.until <= now) this.#drop(entry);
  }
}

function waitOf(failure: KeyFailure, strikes: number): number {
  if (failure.retryAfterMs !== undefined) return Math.min(LONGEST_MS, failure.retryAfterMs);
  if (isLasting(failure.class)) return LASTING_MS;
  return LADDER_MS[Math.min(strikes, LADDER_MS.length) - 1] ?? LADDER_MS[0];
}

function isLasting(kind: FailureClass): boolean {
  return kind === 'auth' || kind === 'billing';
}

function idOf({ provider, key, model, class: kind }: Pick<Entry, 'provider' | 'key' | 'model' | 'class'>): string {
  return `${provider} ${key} ${kind} ${model}`;
}

function toEntry(row: Record<string, unknown>): Entry {
  return {
    provider: String(row.provider),
    key: String(row.key),
    model: String(row.model),
    class: row.class === 'billing' ? 'billing' : 'auth',
    strikes: Number(row.strikes),
    until: Number(row.until),
    at: Number(row.at),
    reason: String(row.reason),
  };
}
