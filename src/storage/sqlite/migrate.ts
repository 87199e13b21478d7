import { chmodSync, closeSync, fsyncSync, openSync, rmSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import {
  type AppliedMigration,
  MIGRATIONS_TABLE,
  migrationChecksum,
  type NamedMigration,
  pendingMigrations,
} from '../migrator.ts';

export interface MigrationReport {
  readonly migrated: readonly string[];
  /** A copy of the database as it was before, when there was something in it. */
  readonly snapshot: string | undefined;
}

/** Brings the database up to date: a snapshot first, then each migration in a transaction of its own with its record. */
export function migrateSqlite(db: DatabaseSync, path: string, known: readonly NamedMigration[]): MigrationReport {
  const applied = appliedMigrations(db);
  const pending = pendingMigrations(known, applied, path);
  const first = pending[0];
  if (first === undefined) return { migrated: [], snapshot: undefined };
  const snapshot = isEmpty(db) ? undefined : takeSnapshot(db, `${path}.before-${first.name}.${Date.now()}`);
  db.exec(`CREATE TABLE IF NOT EXISTS ${MIGRATIONS_TABLE} (
    name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT`);
  for (const migration of pending) apply(db, migration);
  return { migrated: pending.map((migration) => migration.name), snapshot };
}

function apply(db: DatabaseSync, migration: NamedMigration): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    for (const statement of migration.statements) db.exec(statement);
    db.prepare(`INSERT INTO ${MIGRATIONS_TABLE} (name, checksum, applied_at) VALUES (?, ?, ?)`).run(
      migration.name,
      migrationChecksum(migration),
      Date.now(),
    );
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function appliedMigrations(db: DatabaseSync): readonly AppliedMigration[] {
  if (!hasTable(db)) return [];
  return db
    .prepare(`SELECT name, checksum FROM ${MIGRATIONS_TABLE} ORDER BY name`)
    .all()
    .map((row) => ({ name: String(row.name), checksum: String(row.checksum) }));
}

function hasTable(db: DatabaseSync): boolean {
  return (
    db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(MIGRATIONS_TABLE) !== undefined
  );
}

function isEmpty(db: DatabaseSync): boolean {
  return db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
}

function takeSnapshot(db: DatabaseSync, target: string): string {
  try {
    db.prepare('VACUUM INTO ?').run(target);
    chmodSync(target, 0o600);
    const file = openSync(target, 'r');
    fsyncSync(file);
    closeSync(file);
    return target;
  } catch (error) {
    rmSync(target, { force: true });
    throw error;
  }
}
