import { hostname } from 'node:os';
import { pid } from 'node:process';
import { Client } from 'pg';
import { uuidv7 } from '../../base/id.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { NamedMigration } from '../migrator.ts';
import type { Statement } from '../store.ts';
import { migratePostgres } from './migrate.ts';
import { endFormerSessions, lockServer } from './server-lock.ts';
import { connectionString, type PostgresTarget, placeOf } from './target.ts';
import { sqlTypes } from './values.ts';

/**
 * The one session that writes, and how it comes back. `holdfast_writers` has a row per opening of the database; a group
 * raises its `last_group` in the same transaction, so that after a connection broke at COMMIT the row says whether that
 * transaction took place. Asked only while holding the lock, when nothing of the broken session can still be under way.
 */
export interface WriterIdentity {
  readonly id: string;
  /** What the server shows as the session's name. */
  readonly sessionName: string;
}

export interface SessionOptions {
  readonly target: PostgresTarget;
  readonly lockWaitMs: number;
}

const CONNECT_MS = 10_000;
const KEEP_WRITERS_MS = 30 * 86_400_000;
const LONGEST_NAME = 63;

export function newIdentity(): WriterIdentity {
  const id = uuidv7();
  return { id, sessionName: `holdfast ${pid}@${hostname().slice(0, 8)} ${id}`.slice(0, LONGEST_NAME) };
}

export function createClient(target: PostgresTarget, options: { name: string; readOnly: boolean }): Client {
  const client = new Client({
    connectionString: connectionString(target),
    application_name: options.name,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    pipeline: !options.readOnly,
    types: sqlTypes,
  });
  client.on('error', () => {}); // Each query under way is told of it; without one nobody has to be.
  return client;
}

/** First opening: lock, migrations, a row of our own. */
export async function openSession(
  options: SessionOptions & {
    readonly identity: WriterIdentity;
    readonly migrations: readonly NamedMigration[];
    readonly snapshot?: ((first: string) => Promise<void>) | undefined;
  },
): Promise<{ client: Client; migrated: readonly string[] }> {
  const { identity, target } = options;
  const client = await connectAndLock(options);
  try {
    const migrated = await migratePostgres(client, options.migrations, {
      place: placeOf(target),
      snapshot: options.snapshot,
    });
    await client.query(`CREATE TABLE IF NOT EXISTS holdfast_writers (
      number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id TEXT NOT NULL UNIQUE,
      last_group BIGINT NOT NULL, opened_at BIGINT NOT NULL)`);
    await client.query('DELETE FROM holdfast_writers WHERE opened_at < $1', [Date.now() - KEEP_WRITERS_MS]);
    await client.query('INSERT INTO holdfast_writers (id, last_group, opened_at) VALUES ($1, 0, $2)', [
      identity.id,
      Date.now(),
    ]);
    return { client, migrated };
  } catch (error) {
    await client.end();
    throw error;
  }
}

/** After a loss: lock again, and what was the last group that took place. */
export async function reopenSession(
  options: SessionOptions & { readonly identity: WriterIdentity },
): Promise<{ client: Client; lastGroup: number; newest: boolean }> {
  const client = await connectAndLock(options);
  try {
    const { rows } = await client.query<{ last_group: number; newest: number }>(
      `SELECT last_group, number = (SELECT max(number) FROM holdfast_writers) AS newest
       FROM holdfast_writers WHERE id = $1`,
      [options.identity.id],
    );
    const [row] = rows;
    if (row === undefined) throw replaced(placeOf(options.target));
    return { client, lastGroup: row.last_group, newest: row.newest === 1 };
  } catch (error) {
    await client.end();
    throw error;
  }
}

/** Part of each group's transaction. */
export function markOf(identity: WriterIdentity, group: number): Statement {
  return {
    sql: 'UPDATE holdfast_writers SET last_group = $1 WHERE id = $2',
    parameters: [group, identity.id],
    expectRows: 1,
  };
}

async function connectAndLock(options: SessionOptions & { readonly identity: WriterIdentity }): Promise<Client> {
  const { identity, target, lockWaitMs } = options;
  const client = createClient(target, { name: identity.sessionName, readOnly: false });
  await client.connect();
  try {
    await prepareSession(client);
    await endFormerSessions(client, identity.sessionName);
    await lockServer(client, { name: identity.sessionName, place: placeOf(target), waitMs: lockWaitMs });
    return client;
  } catch (error) {
    await client.end();
    throw error;
  }
}

/** Whatever the server's defaults are: an acknowledged commit is on the disk, and no timeout ends our session. */
async function prepareSession(client: Client): Promise<void> {
  await client.query(
    `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`,
  );
  await client.query(
    'SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0',
  );
  await client.query("SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off");
  const { rows } = await client.query<{ encoding: string }>("SELECT current_setting('server_encoding') AS encoding");
  if (rows[0]?.encoding !== 'UTF8')
    throw new HoldfastError('config.invalid', `The database keeps text as ${rows[0]?.encoding}, not UTF8.`, {
      remedy: 'Make one that does: createdb --encoding UTF8 --template template0 …',
    });
}

function replaced(place: string): HoldfastError {
  return new HoldfastError('conflict', `The database ${place} was replaced while we were connected.`, {
    remedy: 'Restart Holdfast: holdfast restart',
  });
}
