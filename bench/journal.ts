import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { DatabaseSync } from 'node:sqlite';
import { openSqliteStore } from '../src/storage/sqlite/store.ts';
import type { Statement, Store } from '../src/storage/store.ts';
import { type BenchOptions, type BenchTable, environment, goalRow, median, paired, ratios } from './table.ts';

/** The journal path: one durable row per append, through the Store, against the disk and against SQLite as it comes. */
const CREATE = `CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, type TEXT NOT NULL,
  at INTEGER NOT NULL, body TEXT NOT NULL) STRICT`;
const INSERT = 'INSERT INTO events (run_id, type, at, body) VALUES (?, ?, ?, ?)';
const ROW_BYTES = 280;
const BODY = 'x'.repeat(ROW_BYTES - 60);
const APPENDERS = 64;
/** What one step of a run appends at once: message, tool.requested, tool.decided, effect.started … */
const EVENTS_PER_STEP = 8;

const statement = (): Statement => ({
  sql: INSERT,
  parameters: ['run_018f2c3d4e5f60718293a4b5c6d7e8f9', 'model.delta', Date.now(), BODY],
});

interface Subject extends AsyncDisposable {
  floor(): number;
  bareCommit(): number;
  one(): Promise<number>;
  many(): Promise<number>;
  steps(): Promise<number>;
}

/** Microseconds per append, or rows per second for `many`. */
async function prepare(directory: string, appends: number): Promise<Subject> {
  const path = join(directory, 'journal.db');
  const store = await openSqliteStore({ path, migrations: [{ name: '1', sqlite: [CREATE], postgres: [] }] });
  const bare = new DatabaseSync(join(directory, 'bare.db'));
  bare.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; ${CREATE}`);
  const insert = bare.prepare(INSERT);
  const file = openSync(join(directory, 'floor'), 'a');
  const line = Buffer.alloc(ROW_BYTES, 0x78);
  return {
    floor: () =>
      perAppend(appends, () => {
        writeSync(file, line);
        fdatasyncSync(file);
      }),
    bareCommit: () => perAppend(appends, () => insert.run(...statement().parameters)),
    one: async () => {
      const began = performance.now();
      for (let index = 0; index < appends; index += 1) await store.write([statement()]);
      return ((performance.now() - began) * 1_000) / appends;
    },
    many: () => rowsPerSecond(store, appends * 20, 1),
    steps: () => rowsPerSecond(store, appends * 40, EVENTS_PER_STEP),
    [Symbol.asyncDispose]: async () => {
      closeSync(file);
      bare.close();
      await store[Symbol.asyncDispose]();
    },
  };
}

function perAppend(appends: number, append: () => unknown): number {
  const began = performance.now();
  for (let index = 0; index < appends; index += 1) append();
  return ((performance.now() - began) * 1_000) / appends;
}

async function rowsPerSecond(store: Store, rows: number, perUnit: number): Promise<number> {
  let left = rows;
  const appender = async (): Promise<void> => {
    while (left > 0) {
      left -= perUnit;
      await store.write(Array.from({ length: perUnit }, statement));
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: APPENDERS }, appender));
  return (rows * 1_000) / (performance.now() - began);
}

export async function run(options: BenchOptions): Promise<BenchTable> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  try {
    await using subject = await prepare(directory, options.quick ? 50 : 300);
    const delays: { readonly p50: number; readonly p99: number }[] = [];
    const watched = async (work: () => Promise<number>): Promise<number> => {
      const delay = monitorEventLoopDelay({ resolution: 1 });
      delay.enable();
      const value = await work();
      delay.disable();
      delays.push({ p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6 });
      return value;
    };
    const measured = await paired(
      {
        floor: subject.floor,
        bare: subject.bareCommit,
        one: subject.one,
        many: () => watched(subject.many),
        steps: () => watched(subject.steps),
      },
      { rounds: options.quick ? 3 : 24, signal: options.signal },
    );
    const bareRows = measured.bare.map((microseconds) => 1e6 / microseconds);
    return {
      name: 'journal',
      note: `${ROW_BYTES}-byte events, each acknowledged only after its fsync; ${APPENDERS} appenders wait for each of their own.`,
      environment: environment(),
      rows: [
        { what: 'append + fdatasync to a bare file', value: median(measured.floor), unit: 'us' },
        { what: 'node:sqlite, a commit per event', value: median(measured.bare), unit: 'us', ...bareRatio(measured) },
        goalRow(
          { what: 'one append through the Store', value: median(measured.one), unit: 'us', floor: 'fdatasync' },
          ratios(measured.one, measured.floor),
          { atMost: 1.5 },
        ),
        goalRow(
          {
            what: `${APPENDERS} appenders, one event a unit`,
            value: median(measured.many),
            unit: 'rows/s',
            floor: 'a commit per event',
          },
          ratios(measured.many, bareRows),
          { atLeast: 20 },
        ),
        goalRow(
          {
            what: `${APPENDERS} appenders, ${EVENTS_PER_STEP} events a unit`,
            value: median(measured.steps),
            unit: 'rows/s',
            floor: 'a commit per event',
          },
          ratios(measured.steps, bareRows),
          { atLeast: 20 },
        ),
        { what: 'event-loop delay meanwhile, p50', value: median(delays.map(({ p50 }) => p50)), unit: 'ms' },
        { what: 'event-loop delay meanwhile, p99', value: median(delays.map(({ p99 }) => p99)), unit: 'ms' },
      ],
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function bareRatio(measured: { readonly bare: readonly number[]; readonly floor: readonly number[] }) {
  const ratio = ratios(measured.bare, measured.floor);
  return { ratio: ratio.median, ratioWorse: ratio.p75, floor: 'fdatasync' };
}
