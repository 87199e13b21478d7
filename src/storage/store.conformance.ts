import { describe, expect, it } from 'vitest';
import type { Migration, Statement, Store } from './store.ts';

/** What every Store must do, whatever database is under it. */
export const CONFORMANCE_MIGRATION: Migration = {
  name: '0001-conformance',
  sqlite: [
    'CREATE TABLE items (id TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL, bytes BLOB) STRICT',
    'CREATE TABLE log (seq INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL) STRICT',
    'CREATE TABLE parts (item TEXT NOT NULL REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED) STRICT',
  ],
  postgres: [
    'CREATE TABLE items (id TEXT PRIMARY KEY, version BIGINT NOT NULL, body TEXT NOT NULL, bytes BYTEA)',
    'CREATE TABLE log (seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text TEXT NOT NULL)',
    'CREATE TABLE parts (item TEXT NOT NULL REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED)',
  ],
};

export interface ConformanceStore extends AsyncDisposable {
  readonly store: Store;
  /** `?` of SQLite or `$1` of PostgreSQL. */
  placeholder(index: number): string;
}

export function storeConformance(name: string, open: () => Promise<ConformanceStore>): void {
  describe(`store contract: ${name}`, () => {
    const statements = (at: ConformanceStore) => ({
      insert: (id: string, body = 'x'): Statement => ({
        sql: `INSERT INTO items (id, version, body) VALUES (${at.placeholder(1)}, 1, ${at.placeholder(2)})`,
        parameters: [id, body],
      }),
      bump: (id: string, version: number): Statement => ({
        sql: `UPDATE items SET version = version + 1 WHERE id = ${at.placeholder(1)} AND version = ${at.placeholder(2)}`,
        parameters: [id, version],
        expectRows: 1,
      }),
      log: (text: string): Statement => ({
        sql: `INSERT INTO log (text) VALUES (${at.placeholder(1)})`,
        parameters: [text],
      }),
      part: (item: string): Statement => ({
        sql: `INSERT INTO parts (item) VALUES (${at.placeholder(1)})`,
        parameters: [item],
      }),
    });
    const ids = async (store: Store): Promise<unknown[]> =>
      (await store.read({ sql: 'SELECT id FROM items ORDER BY id', parameters: [] })).map((row) => row.id);

    it('commits a unit as a whole and gives one result per statement', async () => {
      await using at = await open();
      const { insert } = statements(at);
      const results = await at.store.write([
        insert('a'),
        insert('b'),
        { sql: 'UPDATE items SET version = 7', parameters: [] },
        { sql: 'SELECT id, version FROM items ORDER BY id', parameters: [] },
      ]);
      expect(results.map((result) => result.changes)).toEqual([1, 1, 2, 2]);
      expect(results[3]?.rows.map((row) => ({ ...row }))).toEqual([
        { id: 'a', version: 7 },
        { id: 'b', version: 7 },
      ]);
    });

    it('gives the rows of RETURNING', async () => {
      await using at = await open();
      const { log } = statements(at);
      const [result] = await at.store.write([{ ...log('x'), sql: `${log('x').sql} RETURNING seq`, expectRows: 1 }]);
      expect(result?.rows).toHaveLength(1);
      expect(result?.changes).toBe(1);
    });

    it('undoes the whole unit when a later statement breaks a constraint', async () => {
      await using at = await open();
      const { insert } = statements(at);
      await at.store.write([insert('a')]);
      await expect(at.store.write([insert('b'), insert('a')])).rejects.toMatchObject({ code: 'conflict' });
      expect(await ids(at.store)).toEqual(['a']);
    });

    it('undoes the whole unit when a guard fails', async () => {
      await using at = await open();
      const { insert, bump } = statements(at);
      await at.store.write([insert('a')]);
      await at.store.write([bump('a', 1), insert('b')]);
      await expect(at.store.write([insert('c'), bump('a', 1)])).rejects.toMatchObject({ code: 'storage.guard-failed' });
      expect(await ids(at.store)).toEqual(['a', 'b']);
    });

    it('takes a SELECT as a guard', async () => {
      await using at = await open();
      const { insert } = statements(at);
      const guard = { sql: "SELECT 1 FROM items WHERE id = 'a'", parameters: [], expectRows: 1 };
      await expect(at.store.write([guard, insert('b')])).rejects.toMatchObject({ code: 'storage.guard-failed' });
      await at.store.write([insert('a')]);
      await at.store.write([guard, insert('b')]);
      expect(await ids(at.store)).toEqual(['a', 'b']);
    });

    it('keeps one bad unit of a group of a hundred from touching the others', async () => {
      await using at = await open();
      const { insert, bump } = statements(at);
      const units = Array.from({ length: 100 }, (_, index) =>
        index === 40 ? [insert('forty'), bump('none', 1)] : [insert(`i${String(index).padStart(3, '0')}`)],
      );
      const settled = await Promise.allSettled(units.map((unit) => at.store.write(unit)));
      expect(settled.flatMap((one, index) => (one.status === 'rejected' ? [index] : []))).toEqual([40]);
      expect((await ids(at.store)).length).toBe(99);
    });

    it('fails only the guilty unit when a deferred constraint shows at commit', async () => {
      await using at = await open();
      const { insert, part } = statements(at);
      const settled = await Promise.allSettled([
        at.store.write([insert('a')]),
        at.store.write([part('nobody'), insert('b')]),
        at.store.write([part('a'), insert('c')]),
      ]);
      expect(settled.map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(await ids(at.store)).toEqual(['a', 'c']);
    });

    it('commits units in the order they were given', async () => {
      await using at = await open();
      const { log } = statements(at);
      await Promise.all(Array.from({ length: 2_000 }, (_, index) => at.store.write([log(String(index))])));
      const rows = await at.store.read({ sql: 'SELECT text FROM log ORDER BY seq', parameters: [] });
      expect(rows.map((row) => Number(row.text))).toEqual(Array.from({ length: 2_000 }, (_, index) => index));
    });

    it('reads what a resolved write wrote', async () => {
      await using at = await open();
      const { insert, bump } = statements(at);
      await at.store.write([insert('a')]);
      for (let version = 1; version <= 50; version += 1) {
        await at.store.write([bump('a', version)]);
        const [row] = await at.store.read({ sql: 'SELECT version FROM items', parameters: [] });
        expect(row?.version).toBe(version + 1);
      }
    });

    it('takes ten thousand concurrent writes', async () => {
      await using at = await open();
      const { insert } = statements(at);
      await Promise.all(Array.from({ length: 10_000 }, (_, index) => at.store.write([insert(`i${index}`)])));
      const [row] = await at.store.read({ sql: 'SELECT count(*) AS n FROM items', parameters: [] });
      expect(Number(row?.n)).toBe(10_000);
    });

    it('lets exactly one of many compare-and-set units win', async () => {
      await using at = await open();
      const { insert, bump } = statements(at);
      await at.store.write([insert('a')]);
      const settled = await Promise.allSettled(Array.from({ length: 64 }, () => at.store.write([bump('a', 1)])));
      expect(settled.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
    });

    it('keeps bytes, null, unicode and large text as they are', async () => {
      await using at = await open();
      const bytes = Uint8Array.from([0, 255, 10, 13]);
      const body = `${'ж🙂\u0000'.repeat(50_000)}end`;
      const sql = `INSERT INTO items (id, version, body, bytes) VALUES ('a', 1, ${at.placeholder(1)}, ${at.placeholder(2)})`;
      const text = at.store.dialect === 'postgres' ? body.replaceAll('\u0000', '') : body;
      await at.store.write([{ sql, parameters: [text, bytes] }]);
      const [row] = await at.store.read({ sql: 'SELECT body, bytes FROM items', parameters: [] });
      expect(row?.body === text).toBe(true);
      expect(row?.bytes).toEqual(bytes);
    });

    it('says what is wrong with bad SQL and goes on', async () => {
      await using at = await open();
      await expect(at.store.write([{ sql: 'INSERT INTO nowhere VALUES (1)', parameters: [] }])).rejects.toThrow(
        /nowhere/,
      );
      await expect(at.store.read({ sql: 'SELECT * FROM nowhere', parameters: [] })).rejects.toThrow(/nowhere/);
      await at.store.write([statements(at).insert('a')]);
      expect(await ids(at.store)).toEqual(['a']);
    });

    it('finishes what it was given when closed, and refuses afterwards', async () => {
      const at = await open();
      const { insert } = statements(at);
      const pending = Array.from({ length: 100 }, (_, index) => at.store.write([insert(`i${index}`)]));
      await at.store[Symbol.asyncDispose]();
      expect(await Promise.all(pending)).toHaveLength(100);
      await expect(at.store.write([insert('late')])).rejects.toMatchObject({ code: 'storage.closed' });
      await expect(at.store.read({ sql: 'SELECT 1', parameters: [] })).rejects.toMatchObject({
        code: 'storage.closed',
      });
      await at[Symbol.asyncDispose]();
    });
  });
}
