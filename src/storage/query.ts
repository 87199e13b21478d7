/**
 * The typed layer: SQL is written once with Kysely, which here only compiles. Running it is the Store's job.
 *
 *   interface Tables { runs: { id: string; state: string; epoch: number } }
 *   const sql = createSql<Tables>(store.dialect);
 *
 *   const run = await readOne(store, sql.selectFrom('runs').selectAll().where('id', '=', id));
 *   const open = await readAll(store, sql.selectFrom('runs').select('id').where('state', '=', 'open'));
 *   await store.write([
 *     toStatement(sql.updateTable('runs').set({ state: 'done' }).where('epoch', '=', epoch), { expectRows: 1 }),
 *     toStatement(sql.insertInto('events').values(event)),
 *   ]);
 *
 * Values are `SqlValue`s: a boolean is 0 or 1, a time is milliseconds, JSON is text. Compiling costs about 6 µs a query
 * once warm, so nothing is cached; the drivers cache prepared statements by their text.
 */
import {
  type Compilable,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { HoldfastError } from '../protocol/error.ts';
import type { SqlValue, Statement, StatementResult, Store } from './store.ts';

export function createSql<Tables>(dialect: Store['dialect']): Kysely<Tables> {
  const sqlite = dialect === 'sqlite';
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => (sqlite ? new SqliteAdapter() : new PostgresAdapter()),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => (sqlite ? new SqliteIntrospector(db) : new PostgresIntrospector(db)),
      createQueryCompiler: () => (sqlite ? new SqliteQueryCompiler() : new PostgresQueryCompiler()),
    },
  });
}

export function toStatement(query: Compilable<unknown>, options: { readonly expectRows?: number } = {}): Statement {
  const { sql, parameters } = query.compile();
  return { sql, parameters: parameters.map(toSqlValue), ...options };
}

export async function readAll<Output>(store: Store, query: Compilable<Output>): Promise<Output[]> {
  const rows = await store.read(toStatement(query));
  return rows as unknown as Output[]; // The row type is the compiler's word about the query; the database holds no other.
}

export async function readOne<Output>(store: Store, query: Compilable<Output>): Promise<Output | undefined> {
  return (await readAll(store, query))[0];
}

/** One statement as a unit of its own. */
export async function run(
  store: Store,
  query: Compilable<unknown>,
  options: { readonly expectRows?: number } = {},
): Promise<StatementResult> {
  const [result] = await store.write([toStatement(query, options)]);
  return result ?? { rows: [], changes: 0 };
}

function toSqlValue(value: unknown): SqlValue {
  if (value === null || typeof value === 'string' || typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (value instanceof Uint8Array) return value;
  throw new HoldfastError('internal', `A query has a parameter that is no SQL value: ${typeof value}.`, {
    remedy: 'Give text, a finite number, bigint, null or bytes; 0 or 1 for a boolean, JSON as text.',
  });
}
