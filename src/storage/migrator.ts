import { createHash } from 'node:crypto';
import { HoldfastError } from '../protocol/error.ts';

/**
 * Which migrations a database still needs. Pure, so that both dialects share it: they differ only in how they run it.
 *
 * Contract: the list only ever grows at its end. A database that holds a migration this program does not know was written
 * by a newer one, and one whose text differs was made by another build: both are refused before anything is changed.
 */
export interface NamedMigration {
  readonly name: string;
  readonly statements: readonly string[];
}

export interface AppliedMigration {
  readonly name: string;
  readonly checksum: string;
}

export const MIGRATIONS_TABLE = 'holdfast_migrations';

export function migrationChecksum(migration: NamedMigration): string {
  return createHash('sha256').update(JSON.stringify(migration.statements)).digest('hex');
}

export function pendingMigrations(
  known: readonly NamedMigration[],
  applied: readonly AppliedMigration[],
  place: string,
): readonly NamedMigration[] {
  const names = new Set(known.map((migration) => migration.name));
  if (names.size !== known.length) throw new HoldfastError('internal', 'Two migrations have the same name.');
  const unknown = applied.filter((migration) => !names.has(migration.name));
  if (unknown.length > 0) throw newerDatabase(place, unknown);
  const checksums = new Map(applied.map((migration) => [migration.name, migration.checksum]));
  for (const migration of known) {
    const before = checksums.get(migration.name);
    if (before !== undefined && before !== migrationChecksum(migration)) throw changedMigration(place, migration.name);
  }
  const pending = known.filter((migration) => !checksums.has(migration.name));
  const firstPending = known.findIndex((migration) => !checksums.has(migration.name));
  const lateApplied = known.slice(Math.max(firstPending, 0)).find((migration) => checksums.has(migration.name));
  if (firstPending >= 0 && lateApplied) throw outOfOrder(place, pending, lateApplied.name);
  return pending;
}

function newerDatabase(place: string, unknown: readonly AppliedMigration[]): HoldfastError {
  const names = unknown.map((migration) => migration.name);
  return new HoldfastError('storage.corrupt', `${place} was written by a newer Holdfast: it has ${names.join(', ')}.`, {
    details: { unknown: names },
    remedy: 'Nothing was changed. Install that newer version again, or restore the snapshot taken before its upgrade.',
  });
}

function changedMigration(place: string, name: string): HoldfastError {
  return new HoldfastError('storage.corrupt', `${place} was made by another build: its ${name} differs from ours.`, {
    details: { migration: name },
    remedy: 'Nothing was changed. Use the build that made this database, or a fresh home directory.',
  });
}

function outOfOrder(place: string, pending: readonly NamedMigration[], later: string): HoldfastError {
  const names = pending.map((migration) => migration.name).join(', ');
  return new HoldfastError(
    'storage.corrupt',
    `${place} already has ${later} but lacks ${names}, which comes before it.`,
    {
      remedy: 'Nothing was changed. Use the build that made this database, or a fresh home directory.',
    },
  );
}
