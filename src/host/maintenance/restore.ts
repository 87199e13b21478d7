import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Home } from '../../base/home.ts';
import type { DatabaseConfig } from '../../protocol/config.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { loadPostgres } from '../../storage/postgres/dump.ts';
import { hostMigrations } from '../database.ts';
import { type BackupHead, unpackBackup } from './archive.ts';
import { PERSONAL_FOLDERS } from './back-up.ts';
import { SetAside } from './set-aside.ts';
import { checkSqliteFile, postgresTarget } from './snapshots.ts';
import { holdStoppedHome } from './stopped-home.ts';

export interface RestoreReport {
  readonly head: BackupHead;
  /** Where everything that was there before now is. */
  readonly before: string;
  readonly schemaBefore?: string | undefined;
  /** The vault has a database but no key file; fine when a passphrase or the keychain opens it. */
  readonly keyMissing: boolean;
}

const time = (): string => new Date().toISOString().replace(/\D/g, '').slice(0, 17);

export const postgresMigrations = hostMigrations.map(({ name, postgres }) => ({ name, statements: postgres }));

/**
 * Puts a backup in the place of everything that is there. First it is unpacked beside and every byte of it checked; only
 * then is anything moved, by renames that are undone when one of them fails. What was there is kept in a folder.
 */
export async function restoreBackup(home: Home, database: DatabaseConfig, file: string): Promise<RestoreReport> {
  const staged = join(home.root, `restore-${time()}.tmp`);
  await mkdir(staged, { recursive: true, mode: 0o700 });
  try {
    const head = await unpackBackup(file, staged);
    if (head.database !== database.kind) throw otherDatabase(head, database);
    for (const name of ['host.db', 'vault/vault.db'])
      if (existsSync(join(staged, name))) checkSqliteFile(join(staged, name));
    await keepAddress(join(staged, 'config.json'), database);
    using _held = holdStoppedHome(home);
    const aside = new SetAside(join(home.root, `before-restore-${time()}`));
    try {
      await exchange(home, staged, aside);
      const schemaBefore =
        database.kind === 'postgres'
          ? await loadPostgres(await postgresTarget(home, database), join(staged, 'host.rows'), postgresMigrations)
          : undefined;
      return { head, before: aside.directory, schemaBefore, keyMissing: keyMissing(home) };
    } catch (error) {
      await aside.undo();
      throw error;
    }
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
}

/** The configuration stays as it is when the backup has none, and the key file when the backup is without it. */
async function exchange(home: Home, staged: string, aside: SetAside): Promise<void> {
  for (const suffix of ['', '-wal', '-shm']) {
    await aside.take(`${home.hostDatabase}${suffix}`, `host.db${suffix}`);
    await aside.take(`${home.vaultDatabase}${suffix}`, `vault/vault.db${suffix}`);
  }
  await aside.take(home.blobs, 'blobs');
  for (const folder of PERSONAL_FOLDERS) await aside.take(home[folder], folder);
  if (existsSync(join(staged, 'config.json'))) await aside.take(home.configFile, 'config.json');
  if (existsSync(join(staged, 'vault/master.key'))) await aside.take(home.vaultKeyFile, 'vault/master.key');
  else if (existsSync(home.vaultKeyFile)) await copyKey(home, aside);
  await aside.put(join(staged, 'host.db'), home.hostDatabase);
  await aside.put(join(staged, 'vault/vault.db'), home.vaultDatabase);
  await aside.put(join(staged, 'vault/master.key'), home.vaultKeyFile);
  await aside.put(join(staged, 'blobs'), home.blobs);
  for (const folder of PERSONAL_FOLDERS) await aside.put(join(staged, folder), home[folder]);
  await aside.put(join(staged, 'config.json'), home.configFile);
}

/** The rows go into the database that this home is configured for; the backup may come from another server. */
async function keepAddress(staged: string, database: DatabaseConfig): Promise<void> {
  if (database.kind === 'sqlite' || !existsSync(staged)) return;
  const config: unknown = JSON.parse(await readFile(staged, 'utf8'));
  await writeFile(staged, `${JSON.stringify({ ...Object(config), database }, undefined, 2)}\n`, { mode: 0o600 });
}

async function copyKey(home: Home, aside: SetAside): Promise<void> {
  await mkdir(join(aside.directory, 'vault'), { recursive: true, mode: 0o700 });
  await copyFile(home.vaultKeyFile, join(aside.directory, 'vault/master.key'));
}

const keyMissing = (home: Home): boolean => existsSync(home.vaultDatabase) && !existsSync(home.vaultKeyFile);

function otherDatabase(head: BackupHead, database: DatabaseConfig): HoldfastError {
  return new HoldfastError(
    'conflict',
    `The backup is of a ${head.database} database, and config.json says ${database.kind}.`,
    { remedy: 'Nothing was changed. Set database in config.json to the kind of the backup first.' },
  );
}
