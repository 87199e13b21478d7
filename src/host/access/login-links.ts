import type { Clock } from '../../base/clock.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { createSql, readOne, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import { hashSecret, newSecret } from './secrets.ts';
import type { AccessTables } from './tables.ts';

export const LINK_LIFETIME_MS = 15 * 60_000;
/** So long a link is remembered after its end, to say what became of it. */
const DAY_MS = 86_400_000;
/** Somebody who is invited may be asleep. */
export const INVITATION_LIFETIME_MS = DAY_MS;

export interface LoginLinks {
  /** `also` is written in the same unit. */
  create(link: { person: string; lifetimeMs: number }, also: readonly Statement[]): Promise<NewLink>;
  /** Whom a link signs in; `undefined` when there is none. Says nothing about whether it is still good. */
  personOf(secret: string): Promise<string | undefined>;
  /** Uses the link up in the same unit as `then`, or says why it cannot. */
  use(secret: string, then: readonly Statement[]): Promise<'used-now' | LinkRefusal>;
}

export interface NewLink {
  readonly secret: string;
  readonly expiresAt: number;
}

export type LinkRefusal = 'unknown' | 'used' | 'expired';

export function createLoginLinks({ store, clock }: { store: Store; clock: Clock }): LoginLinks {
  const sql = createSql<AccessTables>(store.dialect);
  return {
    create: async ({ person, lifetimeMs }, also) => {
      const secret = newSecret();
      const now = clock.now();
      const expiresAt = now + lifetimeMs;
      const row = { hash: hashSecret(secret), created_at: now, expires_at: expiresAt, used_at: null, person };
      await store.write([
        toStatement(sql.deleteFrom('login_links').where('expires_at', '<', now - DAY_MS)),
        toStatement(sql.insertInto('login_links').values(row)),
        ...also,
      ]);
      return { secret, expiresAt };
    },
    personOf: async (secret) => {
      const query = sql.selectFrom('login_links').select('person').where('hash', '=', hashSecret(secret));
      return (await readOne(store, query))?.person;
    },
    use: async (secret, then) => {
      const hash = hashSecret(secret);
      const now = clock.now();
      const take = sql
        .updateTable('login_links')
        .set({ used_at: now })
        .where('hash', '=', hash)
        .where('used_at', 'is', null)
        .where('expires_at', '>', now);
      try {
        await store.write([toStatement(take, { expectRows: 1 }), ...then]);
        return 'used-now';
      } catch (error) {
        if (!(error instanceof HoldfastError) || error.code !== 'storage.guard-failed') throw error;
      }
      const row = await readOne(store, sql.selectFrom('login_links').select('used_at').where('hash', '=', hash));
      if (row === undefined) return 'unknown';
      return row.used_at === null ? 'expired' : 'used';
    },
  };
}
