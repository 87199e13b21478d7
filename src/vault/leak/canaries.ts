import { randomInt } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';
import { type KeyRing, vaultLocked } from '../store/key-ring.ts';
import { type Sealed, seal, unseal } from '../store/sealed.ts';

/**
 * Credentials that are none: made for each agent, granted to nobody, good for nothing. They lie where a thief looks, and
 * nobody has an honest reason to send one anywhere. They are sealed like real ones, so that the database does not tell
 * which is which.
 */
export interface Canaries {
  /** The set of one agent, made at the first call. */
  of(agent: string): CanarySet;
  /** Every canary and whose it is. */
  all(): ReadonlyMap<string, string>;
  load(): void;
  reseal(from: Buffer, to: Buffer): void;
  /** Called after every change of the set. */
  onChange(listener: () => void): void;
}

export const CanarySet = z.object({
  aws_access_key_id: z.string(),
  aws_secret_access_key: z.string(),
  github_token: z.string(),
  stripe_key: z.string(),
});
export type CanarySet = z.infer<typeof CanarySet>;

const MOST_AGENTS = 2_000;
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const MIXED = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

export function createCanaries(deps: {
  readonly database: DatabaseSync;
  readonly ring: Pick<KeyRing, 'key'>;
  readonly now: () => number;
}): Canaries {
  const { database, ring, now } = deps;
  const sets = new Map<string, CanarySet>();
  const listeners: (() => void)[] = [];
  const rows = () => database.prepare('SELECT agent, nonce, sealed, tag FROM canaries').all().map(readRow);
  const save = (key: Buffer, agent: string, set: CanarySet): void => {
    const { nonce, sealed, tag } = seal(key, sealName(agent), Buffer.from(JSON.stringify(set)));
    database
      .prepare('INSERT OR REPLACE INTO canaries (agent, nonce, sealed, tag, made_at) VALUES (?, ?, ?, ?, ?)')
      .run(agent, nonce, sealed, tag, now());
  };
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  return {
    of: (agent) => {
      const known = sets.get(agent);
      if (known) return known;
      if (!ring.key) throw vaultLocked();
      if (sets.size >= MOST_AGENTS)
        throw new HoldfastError('too-large', `There are canaries for ${MOST_AGENTS} agents already.`);
      const set = makeSet();
      save(ring.key, agent, set);
      sets.set(agent, set);
      changed();
      return set;
    },
    all: () => new Map([...sets].flatMap(([agent, set]) => Object.values(set).map((value) => [value, agent] as const))),
    load: () => {
      const key = ring.key;
      if (!key) return;
      for (const row of rows()) sets.set(row.agent, openRow(key, row));
      changed();
    },
    reseal: (from, to) => {
      for (const row of rows()) save(to, row.agent, openRow(from, row));
    },
    onChange: (listener) => void listeners.push(listener),
  };
}

/** As the real ones look to the eye and to the usual scanners. */
function makeSet(): CanarySet {
  return {
    aws_access_key_id: `AKIA${randomFrom(UPPER, 16)}`,
    aws_secret_access_key: randomFrom(`${MIXED}/+`, 40),
    github_token: `ghp_${randomFrom(MIXED, 36)}`,
    stripe_key: `sk_live_${randomFrom(MIXED, 24)}`,
  };
}

function randomFrom(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
}

const sealName = (agent: string): string => `canary\n${agent}`;

interface CanaryRow extends Sealed {
  readonly agent: string;
}

function readRow({ agent, nonce, sealed, tag }: Record<string, unknown>): CanaryRow {
  if (
    typeof agent === 'string' &&
    nonce instanceof Uint8Array &&
    sealed instanceof Uint8Array &&
    tag instanceof Uint8Array
  )
    return { agent, nonce, sealed, tag };
  throw new HoldfastError('storage.corrupt', 'A row of the canaries table does not have its columns.');
}

function openRow(key: Buffer, row: CanaryRow): CanarySet {
  const value = unseal(key, sealName(row.agent), row);
  if (value) return CanarySet.parse(JSON.parse(value.toString('utf8')));
  throw new HoldfastError(
    'storage.corrupt',
    `The canaries of ${row.agent} do not authenticate: vault.db was changed from outside.`,
    { remedy: 'Restore vault.db from a backup.' },
  );
}
