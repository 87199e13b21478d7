import type { Clock } from '../../base/clock.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { createSql, readOne, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import { hashSecret, newSecret } from './secrets.ts';
import type { AccessTables } from './tables.ts';

export const LINK_LIFETIME_MS = 15 * 60_000;
/** So long a link is remembered after its end, to say what became of it. */
const DAY_MS = 86_400_000;

export interface LoginLinks {
  create(): Promise<{ secret: string; expiresAt: number }>;
  /** Uses the link up in the same unit as `then`, or says why it cannot. */
  use(secret: string, then: Statement): Promise<'used-now' | LinkRefusal>;
}

export type LinkRefusal = 'unknown' | 'used' | 'expired';

export function createLoginLinks({ store, clock }: { store: Store; clock: Clock }): LoginLinks {
  const sql = createSql<AccessTables>(store.dialect);
  return {
    create: async () => {
      const secret = newSecret();
      const now = clock.now();
      const expiresAt = now + LINK_LIFETIME_MS;
      await store.write([
        toStatement(sql.deleteFrom('login_links').where('expires_at', '<', now - DAY_MS)),
        toStatement(
          sql.insertInto('login_links').values({ hash: hashSecret(secret), created_at: now, expires_at: expiresAt }),
        ),
      ]);
      return { secret, expiresAt };
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
        await store.write([toStatement(take, { expectRows: 1 }), then]);
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
