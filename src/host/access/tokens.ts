import type { Clock } from '../../base/clock.ts';
import { newId } from '../../base/id.ts';
import { MAX_LIST } from '../../protocol/api.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { TokenId } from '../../protocol/ids.ts';
import { KeyAction, type KeyView, type MadeKey, type NewKey, OWNER_PERSON } from '../../protocol/people.ts';
import { createSql, readAll, readOne, run, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import { equalSecrets, hashSecret, newSecret } from './secrets.ts';
import type { AccessTables } from './tables.ts';

const PREFIX = 'hf_';
const TOUCH_EVERY_MS = 60_000;

/**
 * Keys for programs. A key is shown once, when it is made, and kept as a hash. It can do no more than its person, and less
 * where it was narrowed to actions, agents and a time. What was called a token before is a key that was not narrowed.
 */
export interface Tokens {
  /** The row, for a unit with its audit row, and the key. */
  make(wanted: Wanted): { readonly statement: Statement; readonly key: MadeKey };
  /** Newest first, revoked and ended ones left out. `person`: only theirs. */
  list(person: string | undefined): Promise<KeyView[]>;
  /** For a unit; throws `not-found` when there is no such key, or it is somebody else's. */
  revocation(id: string, person: string | undefined): Promise<Statement>;
  /** `undefined` when it is none of ours, was revoked or has ended. */
  find(token: string): Promise<KeyView | undefined>;
}

export interface Wanted extends Pick<NewKey, 'name'> {
  readonly person?: string;
  readonly actions?: NewKey['actions'] | undefined;
  readonly agents?: NewKey['agents'] | undefined;
  readonly lifetimeMs?: number | undefined;
}

type Row = AccessTables['api_tokens'];

export function createTokens({ store, clock }: { store: Store; clock: Clock }): Tokens {
  const sql = createSql<AccessTables>(store.dialect);
  const living = (now: number) =>
    sql
      .selectFrom('api_tokens')
      .selectAll()
      .where('revoked_at', 'is', null)
      .where((where) => where.or([where('expires_at', 'is', null), where('expires_at', '>', now)]));
  const touch = async ({ id, last_used_at: last }: Row): Promise<void> => {
    const now = clock.now();
    if (last !== null && now - last < TOUCH_EVERY_MS) return;
    await run(store, sql.updateTable('api_tokens').set({ last_used_at: now }).where('id', '=', id));
  };
  return {
    make: (wanted) => {
      const key = `${PREFIX}${newSecret()}`;
      const now = clock.now();
      const row: Row = {
        id: newId(TokenId, 'tok'),
        hash: hashSecret(key),
        note: wanted.name,
        created_at: now,
        last_used_at: null,
        revoked_at: null,
        person: wanted.person ?? OWNER_PERSON,
        actions: wanted.actions === undefined ? null : JSON.stringify(wanted.actions),
        agents: wanted.agents === undefined ? null : JSON.stringify(wanted.agents),
        expires_at: wanted.lifetimeMs === undefined ? null : now + wanted.lifetimeMs,
      };
      return { statement: toStatement(sql.insertInto('api_tokens').values(row)), key: { ...toView(row), key } };
    },
    list: async (person) => {
      const newest = living(clock.now()).orderBy('created_at', 'desc').orderBy('id', 'desc').limit(MAX_LIST);
      const rows = await readAll(store, person === undefined ? newest : newest.where('person', '=', person));
      return rows.map(toView);
    },
    revocation: async (id, person) => {
      const row = await readOne(store, living(clock.now()).where('id', '=', id));
      if (row === undefined || (person !== undefined && row.person !== person)) throw missing(id);
      const update = sql.updateTable('api_tokens').set({ revoked_at: clock.now() }).where('id', '=', id);
      return toStatement(update.where('revoked_at', 'is', null), { expectRows: 1 });
    },
    find: async (token) => {
      if (!token.startsWith(PREFIX)) return undefined;
      const hash = hashSecret(token);
      const row = await readOne(store, living(clock.now()).where('hash', '=', hash));
      if (row === undefined || !equalSecrets(row.hash, hash)) return undefined;
      await touch(row);
      return toView(row);
    },
  };
}

function toView(row: Row): KeyView {
  return {
    id: row.id,
    name: row.note,
    person: row.person,
    actions: row.actions === null ? null : KeyAction.array().parse(JSON.parse(row.actions)),
    agents: row.agents === null ? null : (JSON.parse(row.agents) as string[]),
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
  };
}

function missing(id: string): HoldfastError {
  return new HoldfastError('not-found', `There is no key ${id}.`, { remedy: 'See: holdfast keys list' });
}
