import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../base/logger.ts';
import type { HoldfastError } from '../../protocol/error.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../../testing/postgres.ts';
import { CONFORMANCE_MIGRATION, storeConformance } from '../store.conformance.ts';
import type { Migration } from '../store.ts';
import { openPostgresStore, type PostgresStoreOptions } from './store.ts';

const insert = (id: string, body = 'x') => ({
  sql: 'INSERT INTO items (id, version, body) VALUES ($1, 1, $2)',
  parameters: [id, body],
});

describe.runIf(hasPostgres())('PostgreSQL', () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  const open = (url: string, options: Partial<PostgresStoreOptions> = {}) =>
    openPostgresStore({ url, password: server.password, migrations: [CONFORMANCE_MIGRATION], ...options });
  const ids = async (store: { read: Awaited<ReturnType<typeof open>>['read'] }) =>
    (await store.read({ sql: 'SELECT id FROM items ORDER BY id', parameters: [] })).map((row) => row.id);

  storeConformance('postgres', async () => {
    const store = await open(await server.createDatabase());
    return {
      store,
      placeholder: (index) => `$${index}`,
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    };
  });

  describe('values', () => {
    it('are numbers while they are safe, bigints beyond, 0 or 1 for a boolean', async () => {
      await using store = await open(await server.createDatabase());
      const [row] = await store.read({
        sql: `SELECT 9007199254740991::int8 AS safe, 9007199254740993::int8 AS large, sum(n) AS sum, avg(n) AS avg,
          true AS yes, 1.5::float8 AS real FROM (VALUES (1::int8), (2)) v(n)`,
        parameters: [],
      });
      expect({ ...row }).toEqual({ safe: 2 ** 53 - 1, large: 9007199254740993n, sum: 3, avg: 1.5, yes: 1, real: 1.5 });
    });

    it('that PostgreSQL cannot keep are refused by name, and work goes on', async () => {
      await using store = await open(await server.createDatabase());
      await expect(store.write([insert('a', 'nul \u0000 here')])).rejects.toMatchObject({ code: 'bad-request' });
      const bad = { sql: insert('b').sql, parameters: ['b', (() => 0) as never] };
      await expect(store.write([bad])).rejects.toMatchObject({ code: 'bad-request' });
      await store.write([insert('c')]);
      expect(await ids(store)).toEqual(['c']);
    });
  });

  describe('a unit', () => {
    it('tells its guard before the constraint that a later statement breaks, as SQLite does', async () => {
      await using store = await open(await server.createDatabase());
      await store.write([insert('a')]);
      const guard = { sql: 'UPDATE items SET version = 2 WHERE id = $1', parameters: ['none'], expectRows: 1 };
      await expect(store.write([guard, insert('a')])).rejects.toMatchObject({ code: 'storage.guard-failed' });
    });

    it('fails alone among a thousand, wherever it stands, and each keeps its own reason', async () => {
      await using store = await open(await server.createDatabase());
      await store.write([insert('taken')]);
      const bad = new Set([0, 1, 499, 500, 777, 999]);
      const settled = await Promise.allSettled(
        Array.from({ length: 1_000 }, (_, index) =>
          store.write(bad.has(index) ? [insert(`half${index}`), insert('taken')] : [insert(`i${index}`)]),
        ),
      );
      expect(settled.flatMap((one, index) => (one.status === 'rejected' ? [index] : []))).toEqual([...bad]);
      for (const one of settled) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'conflict' });
      expect(await ids(store)).toHaveLength(1_000 - bad.size + 1);
    });
  });

  describe('reading', () => {
    it('does not write', async () => {
      await using store = await open(await server.createDatabase());
      await expect(store.read(insert('a'))).rejects.toMatchObject({ code: 'storage.read-only' });
    });
  });

  describe('the lock', () => {
    it('refuses a second writer by name, and lets it in after the first has closed', async () => {
      const url = await server.createDatabase();
      {
        await using _first = await open(url);
        await expect(open(url, { lockWaitMs: 200 })).rejects.toMatchObject({
          code: 'conflict',
          message: expect.stringContaining(`${process.pid}@`),
        });
      }
      await using second = await open(url);
      await second.write([insert('a')]);
    });
  });

  describe('the way in', () => {
    it('says what is wrong without showing a password', async () => {
      const url = await server.createDatabase();
      const wrong = await open(url, { password: 'wrong-hunter2' }).catch((error: HoldfastError) => error);
      expect(wrong).toMatchObject({ code: 'storage.unreachable', retryable: false });
      expect(JSON.stringify([wrong, String(wrong)])).not.toContain('hunter2');
      const inUrl = url.replace('holdfast@', 'holdfast:hunter2@');
      const both = await open(inUrl, { password: undefined }).catch((error: HoldfastError) => error);
      expect(both).toMatchObject({ code: 'storage.unreachable' });
      expect(JSON.stringify([both, String(both)])).not.toContain('hunter2');
      await expect(open('mysql://x@y/z')).rejects.toMatchObject({ code: 'config.invalid' });
      await expect(open(url.replace(/test_\d+/, 'nowhere'))).rejects.toMatchObject({ code: 'storage.unreachable' });
      await expect(open('postgres://x@127.0.0.1:1/z')).rejects.toMatchObject({
        code: 'storage.unreachable',
        retryable: true,
      });
    });
  });

  describe('migrations', () => {
    const second: Migration = {
      name: '0002-notes',
      sqlite: [],
      postgres: ['CREATE TABLE notes (id TEXT PRIMARY KEY)', 'ALTER TABLE items ADD COLUMN note TEXT'],
    };
    const tables = async (url: string) => {
      await using store = await open(url, { migrations: [CONFORMANCE_MIGRATION] }).catch(() =>
        open(url, { migrations: [CONFORMANCE_MIGRATION, second] }),
      );
      const rows = await store.read({
        sql: "SELECT table_name, count(*) AS columns FROM information_schema.columns WHERE table_schema = 'public' GROUP BY 1",
        parameters: [],
      });
      return rows.map((row) => `${row.table_name} ${row.columns}`).toSorted();
    };

    it('are recorded, run once, and a snapshot is asked for when there is something', async () => {
      const url = await server.createDatabase();
      const snapshots: string[] = [];
      const snapshot = async (name: string) => void snapshots.push(name);
      {
        await using _store = await open(url, { snapshot });
      }
      for (let round = 0; round < 2; round += 1) {
        await using store = await open(url, { snapshot, migrations: [CONFORMANCE_MIGRATION, second] });
        const rows = await store.read({ sql: 'SELECT name FROM holdfast_migrations ORDER BY name', parameters: [] });
        expect(rows.map((row) => row.name)).toEqual(['0001-conformance', '0002-notes']);
      }
      expect(snapshots).toEqual(['0002-notes']);
    });

    it('that fail leave the database as it was, also those before them', async () => {
      const url = await server.createDatabase();
      const before = await tables(url);
      const third: Migration = { name: '0003-broken', sqlite: [], postgres: ['CREATE TABLE items (id TEXT)'] };
      await expect(open(url, { migrations: [CONFORMANCE_MIGRATION, second, third] })).rejects.toThrow(/items/);
      expect(await tables(url)).toEqual(before);
    });

    it('of a newer or another build are refused and nothing is changed', async () => {
      const url = await server.createDatabase();
      {
        await using _store = await open(url, { migrations: [CONFORMANCE_MIGRATION, second] });
      }
      const before = await tables(url);
      await expect(open(url)).rejects.toMatchObject({
        code: 'storage.corrupt',
        message: expect.stringMatching(/newer.*0002-notes/),
      });
      const other: Migration = { ...second, postgres: ['CREATE TABLE other (id TEXT)'] };
      await expect(open(url, { migrations: [CONFORMANCE_MIGRATION, other] })).rejects.toThrow(/another build/);
      expect(await tables(url)).toEqual(before);
    });
  });

  describe('a server that goes away', () => {
    const pair = (index: number) => [insert(`a${index}`), insert(`b${index}`)];

    it('and crashes in the middle of writes loses nothing acknowledged, repeats nothing and fails nothing', async () => {
      await using store = await open(await server.createDatabase());
      let next = 0;
      let crashed = 0;
      const failures: unknown[] = [];
      const append = async (): Promise<void> => {
        while (crashed < 2) await store.write(pair(next++)).catch((error: unknown) => failures.push(error));
      };
      const appenders = Array.from({ length: 16 }, append);
      for (; crashed < 2; crashed += 1) {
        const until = next + 200;
        await expect.poll(() => next, { timeout: 20_000, interval: 5 }).toBeGreaterThan(until);
        await server.crash();
      }
      await Promise.all(appenders);
      expect(failures).toEqual([]);
      const found = await ids(store);
      expect(found).toHaveLength(next * 2);
      expect(new Set(found).size).toBe(next * 2);
    });

    it('is waited for by reads too', async () => {
      await using store = await open(await server.createDatabase());
      await store.write([insert('a')]);
      const [, found] = await Promise.all([server.crash(), ids(store)]);
      expect(found).toEqual(['a']);
    });

    it('for too long is told loudly once, fails fast, and work goes on when it is back', async () => {
      const lines: string[] = [];
      const fatal: HoldfastError[] = [];
      await using store = await open(await server.createDatabase(), {
        patienceMs: 300,
        probeEveryMs: 50,
        onFatal: (error) => fatal.push(error),
        log: createLogger({ name: 'store', level: 'info', write: (line) => lines.push(line) }),
      });
      await store.write([insert('a')]);
      await server.stop();
      await expect(store.write([insert('b')])).rejects.toMatchObject({ code: 'storage.unreachable', retryable: true });
      await expect(store.write([insert('c')])).rejects.toMatchObject({ code: 'storage.unreachable' });
      expect(fatal).toHaveLength(1);
      await server.start();
      const write = () =>
        store.write([insert('d')]).then(
          () => true,
          () => false,
        );
      await expect.poll(write, { timeout: 10_000, interval: 20 }).toBe(true);
      expect(await ids(store)).toEqual(['a', 'd']);
      expect(lines.filter((line) => line.includes('cannot be written'))).toHaveLength(1);
      expect(lines.join()).not.toContain(server.password);
    });

    it('does not keep a store from closing', async () => {
      const store = await open(await server.createDatabase());
      await server.stop();
      const write = store.write([insert('a')]);
      write.catch(() => undefined);
      await store[Symbol.asyncDispose]();
      await expect(write).rejects.toMatchObject({ code: 'storage.unreachable' });
      await server.start();
    });
  });
});
