import type { Clock } from '../../base/clock.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { Statement, Store } from '../../storage/store.ts';
import { hashSecret, newSecret } from './secrets.ts';

export const LINK_LIFETIME_MS = 15 * 60_000;

export interface LoginLinks {
  create(): Promise<{ secret: string; expiresAt: number }>;
  /** Uses the link up in the same unit as `then`, or says why it cannot. */
  use(secret: string, then: Statement): Promise<'used-now' | LinkRefusal>;
}

export type LinkRefusal = 'unknown' | 'used' | 'expired';

export function createLoginLinks({ store, clock }: { store: Store; clock: Clock }): LoginLinks {
  return {
    create: async () => {
      const secret = newSecret();
      const now = clock.now();
      const expiresAt = now + LINK_LIFETIME_MS;
      await store.write([
        { sql: 'DELETE FROM login_links WHERE expires_at < ?', parameters: [now - LINK_LIFETIME_MS] },
        {
          sql: 'INSERT INTO login_links (hash, created_at, expires_at) VALUES (?, ?, ?)',
          parameters: [hashSecret(secret), now, expiresAt],
        },
      ]);
      return { secret, expiresAt };
    },
    use: async (secret, then) => {
      const hash = hashSecret(secret);
      const now = clock.now();
      const take: Statement = {
        sql: 'UPDATE login_links SET used_at = ? WHERE hash = ? AND used_at IS NULL AND expires_at > ?',
        parameters: [now, hash, now],
        expectRows: 1,
      };
      try {
        await store.write([take, then]);
        return 'used-now';
      } catch (error) {
        if (!(error instanceof HoldfastError) || error.code !== 'storage.guard-failed') throw error;
        return whyNot(store, hash);
      }
    },
  };
}

async function whyNot(store: Store, hash: string): Promise<LinkRefusal> {
  const rows = await store.read({ sql: 'SELECT used_at FROM login_links WHERE hash = ?', parameters: [hash] });
  const row = rows[0];
  if (row === undefined) return 'unknown';
  return row.used_at === null ? 'expired' : 'used';
}
