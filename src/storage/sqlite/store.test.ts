import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import type { HoldfastError } from '../../protocol/error.ts';
import { CONFORMANCE_MIGRATION, storeConformance } from '../store.conformance.ts';
import type { Migration } from '../store.ts';
import { openSqliteStore, type SqliteStoreOptions } from './store.ts';

interface Place extends AsyncDisposable {
  readonly directory: string;
  readonly path: string;
}

async function place(): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-store-'));
  return {
    directory,
    path: join(directory, 'host.db'),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

const open = (path: string, options: Partial<SqliteStoreOptions> = {}) =>
  openSqliteStore({ path, migrations: [CONFORMANCE_MIGRATION], ...options });

storeConformance('sqlite', async () => {
  const at = await place();
  const store = await open(at.path);
  return {
    store,
    placeholder: () => '?',
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await at[Symbol.asyncDispose]();
    },
  };
});

const insert = (id: string, body = 'x') => ({
  sql: 'INSERT INTO items (id, version, body) VALUES (?, 1, ?)',
  parameters: [id, body],
});

describe('the file', () => {
  it('is private, WAL, fully synchronous and left without a WAL when closed', async () => {
    await using at = await place();
    {
      await using store = await open(at.path);
      await store.write([insert('a')]);
      for (const name of readdirSync(at.directory)) expect(statSync(join(at.directory, name)).mode & 0o077).toBe(0);
      const [mode] = await store.read({ sql: 'PRAGMA journal_mode', parameters: [] });
      expect(mode?.journal_mode).toBe('wal');
      const [sync] = await store.write([{ sql: 'PRAGMA synchronous', parameters: [] }]);
      expect(sync?.rows[0]?.synchronous).toBe(2);
    }
    expect(existsSync(`${at.path}-wal`)).toBe(false);
  });

  it('does not let a read write', async () => {
    await using at = await place();
    await using store = await open(at.path);
    await expect(store.read(insert('a'))).rejects.toMatchObject({ code: 'storage.read-only' });
  });

  it('is refused when it is no database, and is not touched', async () => {
    await using at = await place();
    writeFileSync(at.path, 'not a database at all, but long enough to be looked at. '.repeat(40));
    await expect(open(at.path)).rejects.toMatchObject({
      code: 'storage.corrupt',
      remedy: expect.stringMatching(/restore/),
    });
    expect(statSync(at.path).size).toBe(2240);
  });

  it('is refused when pages of it are damaged', async () => {
    await using at = await place();
    {
      await using store = await open(at.path);
      await store.write(Array.from({ length: 2_000 }, (_, index) => insert(`i${index}`, 'y'.repeat(100))));
    }
    const { open: openFile } = await import('node:fs/promises');
    const file = await openFile(at.path, 'r+');
    await file.write(Buffer.alloc(40_960, 0xa5), 0, 40_960, 4096 * 6);
    await file.close();
    await expect(open(at.path)).rejects.toMatchObject({ code: 'storage.corrupt' });
  });

  it('names the folder that is not there', async () => {
    await using at = await place();
    await expect(open(join(at.directory, 'none', 'host.db'))).rejects.toMatchObject({ code: 'storage.read-only' });
  });

  it('has one writer: a second opener is refused with the pid, and may open after the first has closed', async () => {
    await using at = await place();
    {
      await using store = await open(at.path);
      await expect(open(at.path)).rejects.toMatchObject({ code: 'conflict', details: { pid: process.pid } });
      await store.write([insert('a')]);
    }
    await using again = await open(at.path);
    expect(await again.read({ sql: 'SELECT id FROM items', parameters: [] })).toHaveLength(1);
  });
});

describe('the writer', () => {
  it('takes more SQL texts than it numbers', async () => {
    await using at = await place();
    await using store = await open(at.path);
    const sql = (index: number) => `INSERT INTO items (id, version, body) VALUES ('i${index}', 1, ?)`;
    for (let round = 0; round < 5; round += 1)
      await Promise.all(
        Array.from({ length: 900 }, (_, index) =>
          store.write([{ sql: sql(round * 900 + index), parameters: [String(round * 900 + index)] }]),
        ),
      );
    const [row] = await store.read({ sql: "SELECT count(*) AS n FROM items WHERE id = 'i' || body", parameters: [] });
    expect(row?.n).toBe(4_500);
  });

  it('refuses values that cannot be sent, and goes on', async () => {
    await using at = await place();
    await using store = await open(at.path);
    const bad = { sql: insert('bad').sql, parameters: ['bad', (() => 0) as never] };
    await expect(store.write([bad])).rejects.toMatchObject({ code: 'bad-request' });
    await store.write([insert('a')]);
    expect(await store.read({ sql: 'SELECT id FROM items', parameters: [] })).toHaveLength(1);
  });

  it('keeps the values that cannot be sent from touching those sent with them', async () => {
    await using at = await place();
    await using store = await open(at.path);
    const bad = { sql: insert('bad').sql, parameters: ['bad', (() => 0) as never] };
    const settled = await Promise.allSettled([[insert('a')], [bad], [insert('b')]].map((unit) => store.write(unit)));
    expect(settled.map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await store.read({ sql: 'SELECT id FROM items', parameters: [] })).toHaveLength(2);
  });

  it('inserts many rows of one kind together, each with a fate of its own', async () => {
    await using at = await place();
    await using store = await open(at.path);
    await store.write([insert('i020')]);
    const rows = Array.from({ length: 50 }, (_, index) => insert(`i${String(index).padStart(3, '0')}`, String(index)));
    const settled = await Promise.allSettled(rows.map((row) => store.write([row])));
    expect(settled.flatMap((one, index) => (one.status === 'rejected' ? [index] : []))).toEqual([20]);
    expect(settled[20]).toMatchObject({ reason: { code: 'conflict' } });
    expect(settled[0]).toMatchObject({ value: [{ rows: [], changes: 1 }] });
    const stored = await store.read({ sql: 'SELECT id, body FROM items ORDER BY rowid', parameters: [] });
    const bodies = rows.map(({ parameters: [, body] }) => body).filter((body) => body !== '20');
    expect(stored.map((row) => row.body)).toEqual(['x', ...bodies]);
  });

  it('never moves a value into the row of a neighbour that has too few or too many', async () => {
    await using at = await place();
    await using store = await open(at.path);
    const sql = 'INSERT INTO items (id, version, body) VALUES (?, ?, ?)';
    const row = (index: number) => ({ sql, parameters: [`i${index}`, index, 'x'] });
    const few = { sql, parameters: ['few', 1] };
    const many = { sql, parameters: ['many', 1, 'x', 'y'] };
    const units = Array.from({ length: 40 }, (_, index) => (index === 8 ? few : index === 24 ? many : row(index)));
    const settled = await Promise.allSettled(units.map((unit) => store.write([unit])));
    expect(settled.flatMap((one, index) => (one.status === 'rejected' ? [index] : []))).toEqual([8, 24]);
    const [moved] = await store.read({
      sql: "SELECT count(*) AS n FROM items WHERE id <> 'i' || version OR body <> 'x'",
      parameters: [],
    });
    expect(moved?.n).toBe(0);
  });

  it('says how many rows were added when a trigger keeps some out', async () => {
    await using at = await place();
    const trigger: Migration = {
      name: '0002-trigger',
      sqlite: [
        `CREATE TRIGGER no_thirteen BEFORE INSERT ON items WHEN NEW.body = '13' BEGIN SELECT RAISE(IGNORE); END`,
      ],
      postgres: [],
    };
    await using store = await open(at.path, { migrations: [CONFORMANCE_MIGRATION, trigger] });
    const results = await Promise.all(
      Array.from({ length: 32 }, (_, index) => store.write([insert(`i${index}`, String(index))])),
    );
    expect(results.flatMap(([result], index) => (result?.changes === 1 ? [] : [index]))).toEqual([13]);
  });

  it('folds the log into the file when nobody writes for a while', async () => {
    await using at = await place();
    await using store = await open(at.path);
    for (let index = 0; index < 70; index += 1) await store.write([insert(`i${index}`, 'y'.repeat(2_000))]);
    const before = statSync(at.path).size;
    await expect.poll(() => statSync(at.path).size, { timeout: 10_000 }).toBeGreaterThan(before + 70 * 2_000);
    await store.write([insert('after')]);
  });

  it('tells all at once when another program holds the file, and goes on afterwards', async () => {
    await using at = await place();
    await using store = await open(at.path);
    const intruder = new DatabaseSync(at.path);
    intruder.exec('BEGIN IMMEDIATE');
    const settled = await Promise.allSettled(['a', 'b', 'c', 'd'].map((id) => store.write([insert(id)])));
    intruder.exec('ROLLBACK');
    intruder.close();
    for (const one of settled) expect(one).toMatchObject({ reason: { code: 'conflict', retryable: true } });
    await store.write([insert('a')]);
  });
});

describe('a full disk', () => {
  const big = insert('big', 'z'.repeat(400_000));

  it('is loud once and then fails fast, even what would fit', async () => {
    await using at = await place();
    const fatal: HoldfastError[] = [];
    await using store = await open(at.path, {
      maxPages: 40,
      probeEveryMs: 3_600_000,
      onFatal: (error) => fatal.push(error),
    });
    await store.write([insert('first')]);
    await expect(store.write([big])).rejects.toMatchObject({ code: 'storage.full', retryable: true });
    await expect(store.write([insert('small')])).rejects.toMatchObject({ code: 'storage.full' });
    expect(fatal.map((error) => error.code)).toEqual(['storage.full']);
    expect(await store.read({ sql: 'SELECT id FROM items', parameters: [] })).toHaveLength(1);
  });

  it('loses nothing and goes on when there is room, and is loud again the next time', async () => {
    await using at = await place();
    const fatal: HoldfastError[] = [];
    await using store = await open(at.path, { maxPages: 40, probeEveryMs: 0, onFatal: (error) => fatal.push(error) });
    await store.write([insert('first')]);
    await expect(store.write([big])).rejects.toMatchObject({ code: 'storage.full' });
    await store.write([insert('probe')]);
    await store.write([insert('after')]);
    const rows = await store.read({ sql: 'SELECT id FROM items ORDER BY id', parameters: [] });
    expect(rows.map((row) => row.id)).toEqual(['after', 'first', 'probe']);
    await expect(store.write([big])).rejects.toMatchObject({ code: 'storage.full' });
    expect(fatal).toHaveLength(2);
  });

  it('fails only the unit that does not fit when the group also holds small ones', async () => {
    await using at = await place();
    await using store = await open(at.path, { maxPages: 40 });
    const settled = await Promise.allSettled([
      store.write([insert('a')]),
      store.write([insert('big', 'z'.repeat(400_000))]),
      store.write([insert('b')]),
    ]);
    expect(settled.map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });
});

describe('migrations', () => {
  const second: Migration = {
    name: '0002-notes',
    sqlite: ['CREATE TABLE notes (id TEXT PRIMARY KEY) STRICT', 'ALTER TABLE items ADD COLUMN note TEXT'],
    postgres: [],
  };
  const objects = (path: string): unknown[] => {
    const db = new DatabaseSync(path, { readOnly: true });
    const rows = db.prepare('SELECT name FROM sqlite_schema ORDER BY name').all();
    db.close();
    return rows.map((row) => row.name);
  };

  it('are recorded, run once, and a snapshot is taken of a database that has something', async () => {
    await using at = await place();
    {
      await using store = await open(at.path);
      await store.write([insert('a')]);
    }
    const { length: before } = readdirSync(at.directory).filter((name) => name.includes('.before-'));
    expect(before).toBe(0);
    for (let round = 0; round < 2; round += 1) {
      await using store = await open(at.path, { migrations: [CONFORMANCE_MIGRATION, second] });
      const rows = await store.read({
        sql: 'SELECT name, applied_at FROM holdfast_migrations ORDER BY name',
        parameters: [],
      });
      expect(rows.map((row) => row.name)).toEqual(['0001-conformance', '0002-notes']);
      expect(Number(rows[1]?.applied_at)).toBeGreaterThan(1_600_000_000_000);
    }
    const snapshots = readdirSync(at.directory).filter((name) => name.includes('.before-0002-notes'));
    expect(snapshots).toHaveLength(1);
    expect(objects(join(at.directory, snapshots[0] ?? ''))).not.toContain('notes');
  });

  it('that fail leave the database as it was', async () => {
    await using at = await place();
    {
      await using _store = await open(at.path);
    }
    const before = objects(at.path);
    const broken: Migration = { ...second, sqlite: [...second.sqlite, 'CREATE TABLE items (id TEXT)'] };
    await expect(open(at.path, { migrations: [CONFORMANCE_MIGRATION, broken] })).rejects.toThrow(/items/);
    expect(objects(at.path)).toEqual(before);
  });

  it('of a newer or another build are refused and nothing is changed', async () => {
    await using at = await place();
    {
      await using _store = await open(at.path, { migrations: [CONFORMANCE_MIGRATION, second] });
    }
    const before = objects(at.path);
    await expect(open(at.path)).rejects.toMatchObject({
      code: 'storage.corrupt',
      message: expect.stringMatching(/newer.*0002-notes/),
    });
    const other: Migration = { ...second, sqlite: ['CREATE TABLE other (id TEXT)'] };
    await expect(open(at.path, { migrations: [CONFORMANCE_MIGRATION, other] })).rejects.toThrow(/another build/);
    expect(objects(at.path)).toEqual(before);
  });
});

describe('backup', () => {
  it('copies a consistent state while writes go on, and never replaces a file', async () => {
    await using at = await place();
    await using store = await open(at.path);
    const target = join(at.directory, 'copy.db');
    const pair = (index: number) => store.write([insert(`a${index}`), insert(`b${index}`)]);
    const writes = Promise.all(Array.from({ length: 500 }, (_, index) => pair(index)));
    await Promise.all([store.backupTo(target), writes]);
    const db = new DatabaseSync(target, { readOnly: true });
    expect(Number(db.prepare('SELECT count(*) AS n FROM items').get()?.n) % 2).toBe(0);
    db.close();
    expect(statSync(target).mode & 0o077).toBe(0);
    await expect(store.backupTo(target)).rejects.toMatchObject({ code: 'conflict' });
    expect(readdirSync(at.directory).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});
