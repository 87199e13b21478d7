import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPostgresStore } from '../src/storage/postgres/store.ts';
import { openSqliteStore } from '../src/storage/sqlite/store.ts';
import type { Statement, Store } from '../src/storage/store.ts';
import { findPostgres, startPostgres } from '../src/testing/postgres.ts';
import { type BenchOptions, BenchSkipped, type BenchTable, environment, median, paired } from './table.ts';

/** The same units through both stores side by side, each acknowledged only when it is on the disk. */
const MIGRATION = {
  name: '0001-bench',
  sqlite: [
    'CREATE TABLE events (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)',
    'CREATE TABLE runs (id INTEGER PRIMARY KEY, n INTEGER)',
  ],
  postgres: [
    'CREATE TABLE events (seq BIGSERIAL PRIMARY KEY, body TEXT NOT NULL)',
    'CREATE TABLE runs (id BIGINT PRIMARY KEY, n BIGINT)',
  ],
};
const BODY = 'x'.repeat(220);
const APPENDERS = 64;

function texts(store: Store): { event: Statement; guard: (id: number) => Statement } {
  const $ = (n: number): string => (store.dialect === 'sqlite' ? '?' : `$${n}`);
  return {
    event: { sql: `INSERT INTO events (body) VALUES (${$(1)}) RETURNING seq`, parameters: [BODY] },
    guard: (id) => ({ sql: `UPDATE runs SET n = n + 1 WHERE id = ${$(1)}`, parameters: [id], expectRows: 1 }),
  };
}

async function perSecond(
  store: Store,
  units: number,
  appenders: number,
  unit: (appender: number) => readonly Statement[],
) {
  let left = units;
  const append = async (_: unknown, appender: number): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await store.write(unit(appender));
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: appenders }, append));
  return (units * 1_000) / (performance.now() - began);
}

async function measures(store: Store, scale: number) {
  const { event, guard } = texts(store);
  await store.write(
    Array.from({ length: APPENDERS }, (_, id) => ({ sql: `INSERT INTO runs VALUES (${id}, 0)`, parameters: [] })),
  );
  const read = {
    ...event,
    sql: texts(store).event.sql.includes('$1') ? 'SELECT n FROM runs WHERE id = $1' : 'SELECT n FROM runs WHERE id = ?',
  };
  return {
    one: () => perSecond(store, scale, 1, () => [event]),
    many: () => perSecond(store, scale * 20, APPENDERS, () => [event]),
    steps: () => perSecond(store, scale * 5, APPENDERS, (id) => [guard(id), ...Array.from({ length: 8 }, () => event)]),
    reads: async () => {
      const began = performance.now();
      for (let n = 0; n < scale; n += 1) await store.read({ sql: read.sql, parameters: [n % APPENDERS] });
      return (scale * 1_000) / (performance.now() - began);
    },
  };
}

export async function run({ quick, signal }: BenchOptions): Promise<BenchTable> {
  const found = findPostgres();
  if ('missing' in found) throw new BenchSkipped(found.missing);
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  try {
    await using server = await startPostgres();
    const url = await server.createDatabase();
    await using sqlite = await openSqliteStore({ path: join(directory, 'b.db'), migrations: [MIGRATION] });
    await using postgres = await openPostgresStore({ url, password: server.password, migrations: [MIGRATION] });
    const scale = quick ? 50 : 400;
    const [s, p] = [await measures(sqlite, scale), await measures(postgres, scale)];
    const subjects = {
      one_s: s.one,
      one_p: p.one,
      many_s: s.many,
      many_p: p.many,
      steps_s: s.steps,
      steps_p: p.steps,
      reads_s: s.reads,
      reads_p: p.reads,
    };
    const measured = await paired(subjects, { rounds: quick ? 3 : 10, signal });
    const row = (what: string, name: 'one' | 'many' | 'steps' | 'reads') => [
      { what: `SQLite, ${what}`, value: median(measured[`${name}_s`]), unit: '1/s' },
      { what: `PostgreSQL, ${what}`, value: median(measured[`${name}_p`]), unit: '1/s' },
    ];
    return {
      name: 'stores',
      note: 'PostgreSQL over a unix socket with fsync and synchronous_commit on, on the same disk as SQLite.',
      environment: environment(),
      rows: [
        ...row('one unit after the other', 'one'),
        ...row(`units of one event, ${APPENDERS} appenders`, 'many'),
        ...row(`units of a guard and 8 events, ${APPENDERS} appenders`, 'steps'),
        ...row('point reads, one after the other', 'reads'),
      ],
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
