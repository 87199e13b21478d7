import type { Client } from 'pg';
import { HoldfastError } from '../../protocol/error.ts';
import { isLockTimeout } from './errors.ts';

const LOCK_CLASS = 0x686f6c64;

/**
 * One writing process per schema. The lock is a session's advisory lock: the server drops it when the session ends,
 * however the process died, and only after the session's transaction is over. So whoever holds it knows that nothing of
 * an earlier holder is still under way.
 */
export async function lockServer(
  client: Client,
  options: { readonly name: string; readonly place: string; readonly waitMs: number },
): Promise<void> {
  await client.query(`SET lock_timeout = ${Math.max(1, Math.round(options.waitMs))}`);
  try {
    await client.query('SELECT pg_advisory_lock($1, hashtext(current_schema()))', [LOCK_CLASS]);
    await client.query('SET lock_timeout = 0');
  } catch (error) {
    throw isLockTimeout(error) ? await heldElsewhere(client, options.place) : error;
  }
}

/** Ends what the server still keeps of a session of ours whose connection broke. */
export async function endFormerSessions(client: Client, name: string): Promise<void> {
  await client.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()',
    [name],
  );
}

async function heldElsewhere(client: Client, place: string): Promise<HoldfastError> {
  const { rows } = await client.query<{ holder: string }>(
    `SELECT a.application_name || coalesce(', ' || host(a.client_addr), '') AS holder
     FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'advisory' AND l.classid = $1 AND l.granted
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    [LOCK_CLASS],
  );
  const holder = rows[0]?.holder ?? 'unknown';
  return new HoldfastError('conflict', `The database ${place} is in use by another process (${holder}).`, {
    details: { place, holder },
    remedy: 'Only one process writes a database. Stop the other one, or use another database.',
  });
}
