import { createReadStream, createWriteStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Client } from 'pg';
import { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';
import { MIGRATIONS_TABLE, migrationChecksum, type NamedMigration } from '../migrator.ts';
import { fromPostgres } from './errors.ts';
import { lockServer } from './server-lock.ts';
import { createClient, newIdentity } from './session.ts';
import { type PostgresTarget, placeOf } from './target.ts';

/**
 * All rows of a database as text, one JSON value a line: the migrations it has, then each table with its columns and
 * rows, then a line that ends it. Every value is PostgreSQL's own text of it, so that what is loaded is exactly what was
 * there. The tables themselves come from the migrations when it is loaded, so a dump of an earlier version stays useful.
 */
const Line = z.union([
  z.strictObject({
    format: z.literal(1),
    migrations: z.array(z.strictObject({ name: z.string(), checksum: z.string() })),
  }),
  z.strictObject({ table: z.string(), columns: z.array(z.string()) }),
  z.array(z.string().nullable()),
  z.strictObject({ end: z.literal(true), rows: z.number() }),
]);

const NOT_OURS_TO_KEEP = ['holdfast_writers', MIGRATIONS_TABLE];
const ROWS_AT_ONCE = 500;
const AS_TEXT = { getTypeParser: () => (text: string) => text };
const LOCK_WAIT_MS = 2_000;

/** A consistent copy of all rows while work goes on. Refuses an existing file. */
export async function dumpPostgres(target: PostgresTarget, file: string): Promise<void> {
  const client = createClient(target, { name: 'holdfast backup', readOnly: true });
  try {
    await client.connect();
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await pipeline(Readable.from(lines(client)), createWriteStream(file, { mode: 0o600, flags: 'wx' }));
    await client.query('COMMIT');
    await using written = await open(file, 'r');
    await written.sync();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) await rm(file, { force: true });
    throw fromPostgres(error, placeOf(target));
  } finally {
    await client.end();
  }
}

async function* lines(client: Client): AsyncGenerator<string> {
  const say = (value: z.input<typeof Line>): string => `${JSON.stringify(value)}\n`;
  const tables = await ownTables(client);
  const migrations = tables.includes(MIGRATIONS_TABLE)
    ? (await client.query<{ name: string; checksum: string }>(`SELECT name, checksum FROM ${MIGRATIONS_TABLE}`)).rows
    : [];
  yield say({ format: 1, migrations });
  let rows = 0;
  for (const table of tables.filter((name) => !NOT_OURS_TO_KEEP.includes(name))) {
    const columns = await columnsOf(client, table);
    yield say({ table, columns: [...columns] });
    const key = columns[0] === undefined ? '1' : quote(columns[0]);
    await client.query(`DECLARE dump NO SCROLL CURSOR FOR SELECT * FROM ${quote(table)} ORDER BY ${key}`);
    for (;;) {
      const page = await client.query<(string | null)[]>({
        text: `FETCH ${ROWS_AT_ONCE} FROM dump`,
        rowMode: 'array',
        types: AS_TEXT,
      });
      if (page.rows.length === 0) break;
      rows += page.rows.length;
      yield page.rows.map(say).join('');
    }
    await client.query('CLOSE dump');
  }
  yield say({ end: true, rows });
}

/**
 * Replaces everything by what a dump holds, in one transaction, under the writer's lock. What was there is moved into a
 * schema of its own, whose name is given back (`undefined` when there was nothing).
 */
export async function loadPostgres(
  target: PostgresTarget,
  file: string,
  known: readonly NamedMigration[],
): Promise<string | undefined> {
  return await underLock(target, async (client) => {
    const aside = await moveAside(client);
    await fill(client, file, known);
    return aside;
  });
}

/** Removes every table of ours. */
export async function emptyPostgres(target: PostgresTarget): Promise<void> {
  await underLock(target, async (client) => {
    for (const table of await ownTables(client)) await client.query(`DROP TABLE ${quote(table)} CASCADE`);
  });
}

async function underLock<T>(target: PostgresTarget, work: (client: Client) => Promise<T>): Promise<T> {
  const { sessionName } = newIdentity();
  const client = createClient(target, { name: sessionName, readOnly: true });
  try {
    await client.connect();
    await lockServer(client, { name: sessionName, place: placeOf(target), waitMs: LOCK_WAIT_MS });
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    throw fromPostgres(error, placeOf(target));
  } finally {
    await client.end(); // An open transaction is undone with its session.
  }
}

async function moveAside(client: Client): Promise<string | undefined> {
  const tables = await ownTables(client);
  if (tables.length === 0) return undefined;
  const schema = `holdfast_before_${new Date().toISOString().replace(/\D/g, '')}`;
  await client.query(`CREATE SCHEMA ${schema}`);
  for (const table of tables) await client.query(`ALTER TABLE ${quote(table)} SET SCHEMA ${schema}`);
  return schema;
}

async function fill(client: Client, file: string, known: readonly NamedMigration[]): Promise<void> {
  let table: { insert: string; name: string } | undefined;
  let rows = 0;
  let ended = false;
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    const line = parseLine(text);
    if (ended) throw damagedDump('something follows its end');
    if (Array.isArray(line)) {
      if (table === undefined) throw damagedDump('a row stands before its table');
      await client.query({ name: `load ${table.name}`.slice(0, 63), text: table.insert, values: line });
      rows += 1;
    } else if ('format' in line) await createTables(client, line.migrations, known);
    else if ('table' in line) table = { name: line.table, insert: insertInto(line.table, line.columns) };
    else {
      if (line.rows !== rows) throw damagedDump(`it has ${rows} rows where it says ${line.rows}`);
      ended = true;
    }
  }
  if (!ended) throw damagedDump('it ends too early');
  await setSequences(client);
}

/** Exactly the tables of the version that made the dump; the next start migrates them further. */
async function createTables(
  client: Client,
  wanted: readonly { name: string; checksum: string }[],
  known: readonly NamedMigration[],
): Promise<void> {
  const checksums = new Map(known.map((migration) => [migration.name, migrationChecksum(migration)]));
  const strange = wanted.find(({ name, checksum }) => checksums.get(name) !== checksum);
  if (strange)
    throw new HoldfastError(
      'storage.corrupt',
      `The backup was made by another Holdfast: its ${strange.name} differs.`,
      {
        remedy: 'Nothing was changed. Restore it with the version that made it.',
      },
    );
  await client.query(
    `CREATE TABLE ${MIGRATIONS_TABLE} (name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)`,
  );
  for (const migration of known) {
    const found = wanted.find(({ name }) => name === migration.name);
    if (found === undefined) continue;
    for (const statement of migration.statements) await client.query(statement);
    await client.query(`INSERT INTO ${MIGRATIONS_TABLE} VALUES ($1, $2, $3)`, [found.name, found.checksum, Date.now()]);
  }
  // Rows that a migration put in by itself are in the backup, as they were then.
  for (const table of await ownTables(client))
    if (table !== MIGRATIONS_TABLE) await client.query(`DELETE FROM ${quote(table)}`);
}

async function setSequences(client: Client): Promise<void> {
  const { rows } = await client.query<{ table_name: string; column_name: string; sequence: string }>(
    `SELECT table_name, column_name, pg_get_serial_sequence(quote_ident(table_name), column_name) AS sequence
     FROM information_schema.columns WHERE table_schema = current_schema()`,
  );
  for (const { table_name, column_name, sequence } of rows.filter((row) => row.sequence !== null)) {
    const newest = `SELECT max(${quote(column_name)}) AS newest FROM ${quote(table_name)}`;
    await client.query(`SELECT setval($1::regclass, coalesce(m.newest, 1), m.newest IS NOT NULL) FROM (${newest}) m`, [
      sequence,
    ]);
  }
}

async function ownTables(client: Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ table_name: string }>(
    `SELECT table_name FROM information_schema.tables
     WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY table_name`,
  );
  return rows.map((row) => row.table_name);
}

async function columnsOf(client: Client, table: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ column_name: string }>(
    `SELECT column_name FROM information_schema.columns
     WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position`,
    [table],
  );
  return rows.map((row) => row.column_name);
}

function insertInto(table: string, columns: readonly string[]): string {
  const values = columns.map((_, index) => `$${index + 1}`);
  return `INSERT INTO ${quote(table)} (${columns.map(quote).join(', ')}) OVERRIDING SYSTEM VALUE VALUES (${values.join(', ')})`;
}

function parseLine(text: string): z.infer<typeof Line> {
  try {
    return Line.parse(JSON.parse(text));
  } catch (error) {
    throw damagedDump('a line of it cannot be read', error);
  }
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

function damagedDump(how: string, cause?: unknown): HoldfastError {
  return new HoldfastError('storage.corrupt', `The rows of the backup are damaged: ${how}.`, {
    remedy: 'Nothing was changed. Use another backup.',
    cause,
  });
}
