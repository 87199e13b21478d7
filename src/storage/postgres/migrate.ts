import type { Client } from 'pg';
import {
  type AppliedMigration,
  MIGRATIONS_TABLE,
  migrationChecksum,
  type NamedMigration,
  pendingMigrations,
} from '../migrator.ts';

/**
 * Brings the database up to date: all that is pending in ONE transaction with its records, so that a migration that
 * fails leaves the database exactly as the earlier version knew it. `snapshot` runs before when there is something in it.
 */
export async function migratePostgres(
  client: Client,
  known: readonly NamedMigration[],
  deps: { readonly place: string; readonly snapshot?: ((first: string) => Promise<void>) | undefined },
): Promise<readonly string[]> {
  const applied = await appliedMigrations(client);
  const pending = pendingMigrations(known, applied, deps.place);
  const [first] = pending;
  if (first === undefined) return [];
  if (applied.length > 0) await deps.snapshot?.(first.name);
  await client.query('BEGIN');
  try {
    await client.query(`CREATE TABLE IF NOT EXISTS ${MIGRATIONS_TABLE} (
      name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)`);
    for (const migration of pending) await apply(client, migration);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined); // Without a connection the server has undone it already.
    throw error;
  }
  return pending.map((migration) => migration.name);
}

async function apply(client: Client, migration: NamedMigration): Promise<void> {
  for (const statement of migration.statements) await client.query(statement);
  await client.query(`INSERT INTO ${MIGRATIONS_TABLE} (name, checksum, applied_at) VALUES ($1, $2, $3)`, [
    migration.name,
    migrationChecksum(migration),
    Date.now(),
  ]);
}

async function appliedMigrations(client: Client): Promise<readonly AppliedMigration[]> {
  const table = await client.query('SELECT 1 WHERE to_regclass($1) IS NOT NULL', [MIGRATIONS_TABLE]);
  if (table.rowCount === 0) return [];
  const { rows } = await client.query<{ name: string; checksum: string }>(
    `SELECT name, checksum FROM ${MIGRATIONS_TABLE}`,
  );
  return rows.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
