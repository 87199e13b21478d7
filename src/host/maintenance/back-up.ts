import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { Home } from '../../base/home.ts';
import { uuidv7 } from '../../base/id.ts';
import { VERSION } from '../../base/version.ts';
import type { DatabaseConfig } from '../../protocol/config.ts';
import { backupDatabase } from '../../storage/sqlite/backup.ts';
import { type BackupFile, packBackup } from './archive.ts';
import { snapshotDatabase, snapshotName } from './snapshots.ts';
import { holdStoppedHome } from './stopped-home.ts';

export interface BackUpOptions {
  readonly home: Home;
  readonly database: DatabaseConfig;
  readonly file: string;
  /** The file with the vault's master key goes in too: whoever has the backup then has every secret. */
  readonly withKey: boolean;
  /** Copies that the running host and vault made of their own databases. Without them nothing may be running. */
  readonly running?: { readonly host: string; readonly vault: string } | undefined;
}

/** Everything that Holdfast remembers, as one file. The databases come first, so every blob that they name is in it. */
export async function backUp(options: BackUpOptions): Promise<{ file: string; files: number }> {
  const { home, database, withKey } = options;
  const target = resolve(options.file);
  const work = join(home.backups, `.work-${uuidv7()}`);
  await mkdir(work, { recursive: true, mode: 0o700 });
  try {
    const copies = options.running ?? (await copyStopped(options, work));
    const head = {
      format: 1 as const,
      version: VERSION,
      createdAt: new Date().toISOString(),
      database: database.kind,
      withKey: withKey && existsSync(home.vaultKeyFile),
    };
    return { file: target, files: await packBackup(target, head, filesOf(options, copies)) };
  } finally {
    await rm(work, { recursive: true, force: true });
    if (options.running) for (const copy of Object.values(options.running)) await rm(copy, { force: true });
  }
}

async function copyStopped({ home, database }: BackUpOptions, work: string): Promise<{ host: string; vault: string }> {
  using _held = holdStoppedHome(home);
  const copies = { host: join(work, snapshotName(database)), vault: join(work, 'vault.db') };
  if (database.kind === 'postgres' || existsSync(home.hostDatabase))
    await snapshotDatabase(home, database, copies.host);
  if (existsSync(home.vaultDatabase)) await backupDatabase(home.vaultDatabase, copies.vault);
  return copies;
}

async function* filesOf(
  { home, database, withKey }: BackUpOptions,
  copies: { host: string; vault: string },
): AsyncGenerator<BackupFile> {
  const wanted: readonly BackupFile[] = [
    { name: 'config.json', path: home.configFile },
    { name: snapshotName(database), path: copies.host },
    { name: 'vault/vault.db', path: copies.vault },
    ...(withKey ? [{ name: 'vault/master.key', path: home.vaultKeyFile }] : []),
  ];
  for (const file of wanted) if (existsSync(file.path)) yield file;
  for (const folder of PERSONAL_FOLDERS)
    for (const path of await filesUnder(home[folder]))
      yield { name: `${folder}/${path}`, path: join(home[folder], path) };
  for (const path of await blobsOf(home)) yield { name: `blobs/${path}`, path: join(home.blobs, path) };
}

/** What people write by hand: personas, team files, templates of their own. Links and odd names are not ours. */
export const PERSONAL_FOLDERS = ['agents', 'teams', 'templates'] as const;
const OWN_PATH = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(\/[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}){0,3}$/;

async function filesUnder(directory: string): Promise<readonly string[]> {
  if (!existsSync(directory)) return [];
  const all = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = all
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)));
  return paths.filter((path) => OWN_PATH.test(path)).toSorted();
}

async function blobsOf(home: Home): Promise<readonly string[]> {
  if (!existsSync(home.blobs)) return [];
  const all = await readdir(home.blobs, { recursive: true });
  return all.filter((path) => /^[0-9a-f]{2}\/[0-9a-f]{2}\/[0-9a-f]{64}$/.test(path)).toSorted();
}
