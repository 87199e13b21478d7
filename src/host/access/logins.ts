import type { Clock } from '../../base/clock.ts';
import type { Statement, Store } from '../../storage/store.ts';
import { equalSecrets, hashSecret } from './secrets.ts';

const DAY_MS = 86_400_000;
/** A login ends after so long without use, and in any case after `LONGEST_LOGIN_MS`. */
export const IDLE_LOGIN_MS = 30 * DAY_MS;
export const LONGEST_LOGIN_MS = 90 * DAY_MS;
/** Use is written down at most so often, so that a busy dashboard does not write with every request. */
const TOUCH_EVERY_MS = 3_600_000;

export interface Login {
  /** Names the login without giving away its cookie. */
  readonly subject: string;
  readonly expiresAt: number;
}

export interface Logins {
  /** The statement that starts a login; it belongs into the unit that uses the link up. */
  start(cookie: string): { statement: Statement; login: Login };
  find(cookie: string): Promise<Login | undefined>;
  end(cookie: string): Promise<string>;
}

export function createLogins({ store, clock }: { store: Store; clock: Clock }): Logins {
  return {
    start: (cookie) => {
      const now = clock.now();
      const hash = hashSecret(cookie);
      const expiresAt = now + IDLE_LOGIN_MS;
      const statement = {
        sql: 'INSERT INTO logins (hash, created_at, seen_at, expires_at) VALUES (?, ?, ?, ?)',
        parameters: [hash, now, now, expiresAt],
      };
      return { statement, login: { subject: subjectOf(hash), expiresAt } };
    },
    find: async (cookie) => {
      const hash = hashSecret(cookie);
      const rows = await store.read({ sql: 'SELECT * FROM logins WHERE hash = ?', parameters: [hash] });
      const row = rows[0];
      const now = clock.now();
      if (row === undefined || !equalSecrets(String(row.hash), hash) || Number(row.expires_at) <= now) return undefined;
      const expiresAt = Math.min(now + IDLE_LOGIN_MS, Number(row.created_at) + LONGEST_LOGIN_MS);
      if (now - Number(row.seen_at) < TOUCH_EVERY_MS)
        return { subject: subjectOf(hash), expiresAt: Number(row.expires_at) };
      await store.write([
        { sql: 'UPDATE logins SET seen_at = ?, expires_at = ? WHERE hash = ?', parameters: [now, expiresAt, hash] },
      ]);
      return { subject: subjectOf(hash), expiresAt };
    },
    end: async (cookie) => {
      const hash = hashSecret(cookie);
      await store.write([
        { sql: 'DELETE FROM logins WHERE hash = ? OR expires_at <= ?', parameters: [hash, clock.now()] },
      ]);
      return subjectOf(hash);
    },
  };
}

function subjectOf(hash: string): string {
  return `login:${hash.slice(0, 16)}`;
}
