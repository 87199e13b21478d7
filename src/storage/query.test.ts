import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createSql, readAll, readOne, run, toStatement } from './query.ts';
import { openSqliteStore } from './sqlite/store.ts';

interface Tables {
  runs: { id: string; state: string; epoch: number };
}

const migrations = [
  {
    name: '0001-runs',
    sqlite: ['CREATE TABLE runs (id TEXT PRIMARY KEY, state TEXT NOT NULL, epoch INTEGER NOT NULL) STRICT'],
    postgres: [],
  },
];

describe('the typed layer', () => {
  it('writes, guards and reads with rows of the right type', async () => {
    using cleanup = new DisposableStack();
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-query-'));
    cleanup.defer(() => rmSync(directory, { recursive: true }));
    await using store = await openSqliteStore({ path: join(directory, 'host.db'), migrations });
    const sql = createSql<Tables>(store.dialect);
    await run(store, sql.insertInto('runs').values({ id: 'r1', state: 'open', epoch: 1 }));
    await run(store, sql.updateTable('runs').set({ epoch: 2 }).where('epoch', '=', 1), { expectRows: 1 });
    const stale = run(store, sql.updateTable('runs').set({ epoch: 3 }).where('epoch', '=', 1), { expectRows: 1 });
    await expect(stale).rejects.toMatchObject({ code: 'storage.guard-failed' });
    const one = await readOne(store, sql.selectFrom('runs').selectAll().where('id', '=', 'r1'));
    expect(one?.epoch.toFixed(0)).toBe('2');
    expect(await readAll(store, sql.selectFrom('runs').select('id').where('state', '=', 'closed'))).toEqual([]);
    expect(await readOne(store, sql.selectFrom('runs').select('id').where('id', '=', 'r2'))).toBeUndefined();
  });

  it('compiles for both dialects', () => {
    const query = (dialect: 'sqlite' | 'postgres') =>
      toStatement(createSql<Tables>(dialect).selectFrom('runs').select('id').where('epoch', '>', 4)).sql;
    expect(query('sqlite')).toBe('select "id" from "runs" where "epoch" > ?');
    expect(query('postgres')).toBe('select "id" from "runs" where "epoch" > $1');
  });

  it('refuses values that a database would take for something else', () => {
    const sql = createSql<{ t: { v: unknown } }>('sqlite');
    for (const v of [true, Number.NaN, new Date(), {}])
      expect(() => toStatement(sql.insertInto('t').values({ v }))).toThrow(/no SQL value/);
  });
});
