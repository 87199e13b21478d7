import type { Clock } from '../../base/clock.ts';
import { newId } from '../../base/id.ts';
import type { NewToken, TokenView } from '../../protocol/api.ts';
import { MAX_LIST } from '../../protocol/api.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { TokenId } from '../../protocol/ids.ts';
import type { Row, Store } from '../../storage/store.ts';
import { equalSecrets, hashSecret, newSecret } from './secrets.ts';

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
  return {
    create: async (note) => {
      const token = `${PREFIX}${newSecret()}`;
      const id = newId(TokenId, 'tok');
      const createdAt = clock.now();
      await store.write([
        {
          sql: 'INSERT INTO api_tokens (id, hash, note, created_at) VALUES (?, ?, ?, ?)',
          parameters: [id, hashSecret(token), note, createdAt],
        },
      ]);
      return { id, note, createdAt, lastUsedAt: null, token };
    },
    list: async () => {
      const rows = await store.read({
        sql: 'SELECT * FROM api_tokens WHERE revoked_at IS NULL ORDER BY created_at DESC, id DESC LIMIT ?',
        parameters: [MAX_LIST],
      });
      return rows.map(viewOf);
    },
    revoke: async (id) => {
      const [result] = await store.write([
        {
          sql: 'UPDATE api_tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL',
          parameters: [clock.now(), id],
        },
      ]);
      if (result?.changes === 1) return;
      throw new HoldfastError('not-found', `There is no token ${id}.`, { remedy: 'GET /api/tokens lists the tokens.' });
    },
    find: async (token) => {
      if (!token.startsWith(PREFIX)) return undefined;
      const hash = hashSecret(token);
      const rows = await store.read({
        sql: 'SELECT * FROM api_tokens WHERE hash = ? AND revoked_at IS NULL',
        parameters: [hash],
      });
      const row = rows[0];
      if (row === undefined || !equalSecrets(String(row.hash), hash)) return undefined;
      await touch(store, row, clock.now());
      return String(row.id);
    },
  };
}

async function touch(store: Store, row: Row, now: number): Promise<void> {
  if (row.last_used_at !== null && now - Number(row.last_used_at) < TOUCH_EVERY_MS) return;
  await store.write([
    { sql: 'UPDATE api_tokens SET last_used_at = ? WHERE id = ?', parameters: [now, String(row.id)] },
  ]);
}

function viewOf(row: Row): TokenView {
  return {
    id: String(row.id),
    note: String(row.note),
    createdAt: Number(row.created_at),
    lastUsedAt: row.last_used_at === null ? null : Number(row.last_used_at),
  };
}
