import type { Clock } from '../../base/clock.ts';
import { newId } from '../../base/id.ts';
import type { NewToken, TokenView } from '../../protocol/api.ts';
import { MAX_LIST } from '../../protocol/api.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { TokenId } from '../../protocol/ids.ts';
import { createSql, readAll, readOne, run } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import { equalSecrets, hashSecret, newSecret } from './secrets.ts';
import type { AccessTables } from './tables.ts';

const PREFIX = 'hf_';
const TOUCH_EVERY_MS = 60_000;

/** Bearer tokens for programs. A token is shown once, when it is made. */
export interface Tokens {
  create(note: string): Promise<NewToken>;
  /** Newest first; revoked ones are left out. */
  list(): Promise<TokenView[]>;
  /** Throws `not-found` when there is no such token or it is revoked already. */
  revoke(id: string): Promise<void>;
  /** The id of the token, or `undefined` when it is none of ours or was revoked. */
  find(token: string): Promise<string | undefined>;
}

export function createTokens({ store, clock }: { store: Store; clock: Clock }): Tokens {
  const sql = createSql<AccessTables>(store.dialect);
  const touch = async ({ id, last_used_at: last }: AccessTables['api_tokens']): Promise<void> => {
    const now = clock.now();
    if (last !== null && now - last < TOUCH_EVERY_MS) return;
    await run(store, sql.updateTable('api_tokens').set({ last_used_at: now }).where('id', '=', id));
  };
  return {
    create: async (note) => {
      const token = `${PREFIX}${newSecret()}`;
      const id = newId(TokenId, 'tok');
      const createdAt = clock.now();
      const row = { id, hash: hashSecret(token), note, created_at: createdAt };
      await run(store, sql.insertInto('api_tokens').values(row));
      return { id, note, createdAt, lastUsedAt: null, token };
    },
    list: async () => {
      const rows = await readAll(
        store,
        sql
          .selectFrom('api_tokens')
          .selectAll()
          .where('revoked_at', 'is', null)
          .orderBy('created_at', 'desc')
          .orderBy('id', 'desc')
          .limit(MAX_LIST),
      );
      return rows.map((row) => ({
        id: row.id,
        note: row.note,
        createdAt: row.created_at,
        lastUsedAt: row.last_used_at,
      }));
    },
    revoke: async (id) => {
      const { changes } = await run(
        store,
        sql
          .updateTable('api_tokens')
          .set({ revoked_at: clock.now() })
          .where('id', '=', id)
          .where('revoked_at', 'is', null),
      );
      if (changes === 1) return;
      throw new HoldfastError('not-found', `There is no token ${id}.`, { remedy: 'GET /api/tokens lists the tokens.' });
    },
    find: async (token) => {
      if (!token.startsWith(PREFIX)) return undefined;
      const hash = hashSecret(token);
      const query = sql.selectFrom('api_tokens').selectAll().where('hash', '=', hash).where('revoked_at', 'is', null);
      const row = await readOne(store, query);
      if (row === undefined || !equalSecrets(row.hash, hash)) return undefined;
      await touch(row);
      return row.id;
    },
  };
}
