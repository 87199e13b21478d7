import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Home } from '../../base/home.ts';
import type { DatabaseConfig } from '../../protocol/config.ts';
import { emptyPostgres } from '../../storage/postgres/dump.ts';
import { postgresTarget } from './snapshots.ts';
import { holdStoppedHome } from './stopped-home.ts';

/** Ours by name; anything else that somebody keeps in the home is not touched, and backups stay. */
const OURS =
  /^(config\.json|host\.(db|rows)(\W.*)?|blobs|volumes|agents|teams|templates|audit|logs|vault|(before|restore)-(restore|rollback|\d).*)$/;

/** Deletes everything that Holdfast remembers in this home, its secrets included. */
export async function resetHome(home: Home, database: DatabaseConfig): Promise<{ deleted: readonly string[] }> {
  const names = (await readdir(home.root)).filter((name) => OURS.test(name)).toSorted();
  {
    using _held = holdStoppedHome(home);
    if (database.kind === 'postgres') await emptyPostgres(await postgresTarget(home, database));
    const keepLock = names.filter((name) => name !== 'host.db.lock');
    for (const name of keepLock) await rm(join(home.root, name), { recursive: true, force: true });
  }
  await rm(`${home.hostDatabase}.lock`, { force: true });
  return { deleted: names };
}
