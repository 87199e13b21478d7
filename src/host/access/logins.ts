import type { Clock } from '../../base/clock.ts';
import { createSql, readOne, run, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import { equalSecrets, hashSecret } from './secrets.ts';
import type { AccessTables } from './tables.ts';

const DAY_MS = 86_400_000;
/** A login ends after so long without use, and in any case after `LONGEST_LOGIN_MS`. */
export const IDLE_LOGIN_MS = 30 * DAY_MS;
export const LONGEST_LOGIN_MS = 90 * DAY_MS;
/** One whose second factor is still to be given lasts only so long. */
export const UNVERIFIED_LOGIN_MS = 600_000;
/** Use is written down at most so often, so that a busy dashboard does not write with every request. */
const TOUCH_EVERY_MS = 3_600_000;

export interface Login {
  /** Names the login without giving away its cookie. */
  readonly subject: string;
  readonly person: string;
  /** False: the second factor is still to be given, and the login is good for nothing else. */
  readonly verified: boolean;
  readonly expiresAt: number;
}

export interface Logins {
  /** The statement that starts a login; it belongs into the unit that uses the link up. */
  start(cookie: string, login: { person: string; verified: boolean }): { statement: Statement; login: Login };
  find(cookie: string): Promise<Login | undefined>;
  /** The second factor was given: what makes it a whole login. */
  verified(cookie: string): Statement;
  end(cookie: string): Promise<string>;
}

export function createLogins({ store, clock }: { store: Store; clock: Clock }): Logins {
  const sql = createSql<AccessTables>(store.dialect);
  return {
    start: (cookie, { person, verified }) => {
      const now = clock.now();
      const expiresAt = now + (verified ? IDLE_LOGIN_MS : UNVERIFIED_LOGIN_MS);
      const hash = hashSecret(cookie);
      const row = { hash, created_at: now, seen_at: now, expires_at: expiresAt, person, verified: verified ? 1 : 0 };
      const statement = toStatement(sql.insertInto('logins').values(row));
      return { statement, login: { subject: subjectOf(hash), person, verified, expiresAt } };
    },
    find: async (cookie) => {
      const hash = hashSecret(cookie);
      const now = clock.now();
      const row = await readOne(store, sql.selectFrom('logins').selectAll().where('hash', '=', hash));
      if (row === undefined || !equalSecrets(row.hash, hash) || row.expires_at <= now) return undefined;
      const login = { subject: subjectOf(hash), person: row.person, verified: row.verified === 1 };
      if (now - row.seen_at < TOUCH_EVERY_MS || !login.verified) return { ...login, expiresAt: row.expires_at };
      const expiresAt = Math.min(now + IDLE_LOGIN_MS, row.created_at + LONGEST_LOGIN_MS);
      await run(store, sql.updateTable('logins').set({ seen_at: now, expires_at: expiresAt }).where('hash', '=', hash));
      return { ...login, expiresAt };
    },
    verified: (cookie) => {
      const now = clock.now();
      const change = { verified: 1, seen_at: now, expires_at: now + IDLE_LOGIN_MS };
      const query = sql.updateTable('logins').set(change).where('hash', '=', hashSecret(cookie));
      return toStatement(query.where('expires_at', '>', now), { expectRows: 1 });
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
