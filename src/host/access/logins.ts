import type { Clock } from '../../base/clock.ts';
import { createSql, readOne, run, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import { equalSecrets, hashSecret } from './secrets.ts';
import type { AccessTables } from './tables.ts';

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
  const sql = createSql<AccessTables>(store.dialect);
  return {
    start: (cookie) => {
      const now = clock.now();
      const row = { hash: hashSecret(cookie), created_at: now, seen_at: now, expires_at: now + IDLE_LOGIN_MS };
      const statement = toStatement(sql.insertInto('logins').values(row));
      return { statement, login: { subject: subjectOf(row.hash), expiresAt: row.expires_at } };
    },
    find: async (cookie) => {
      const hash = hashSecret(cookie);
      const now = clock.now();
      const row = await readOne(store, sql.selectFrom('logins').selectAll().where('hash', '=', hash));
      if (row === undefined || !equalSecrets(row.hash, hash) || row.expires_at <= now) return undefined;
      if (now - row.seen_at < TOUCH_EVERY_MS) return { subject: subjectOf(hash), expiresAt: row.expires_at };
      const expiresAt = Math.min(now + IDLE_LOGIN_MS, row.created_at + LONGEST_LOGIN_MS);
      await run(store, sql.updateTable('logins').set({ seen_at: now, expires_at: expiresAt }).where('hash', '=', hash));
      return { subject: subjectOf(hash), expiresAt };
    },
    end: async (cookie) => {
      const hash = hashSecret(cookie);
      const over = sql.deleteFrom('logins').where('expires_at', '<=', clock.now());
      await store.write([toStatement(sql.deleteFrom('logins').where('hash', '=', hash)), toStatement(over)]);
      return subjectOf(hash);
    },
  };
}

function subjectOf(hash: string): string {
  return `login:${hash.slice(0, 16)}`;
}
