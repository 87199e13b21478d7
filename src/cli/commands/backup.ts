import { join, resolve } from 'node:path';
import { prepareHome } from '../../base/home.ts';
import type { Arguments } from '../arguments.ts';
import type { CliContext, Command } from '../command.ts';
import { hostOf, vaultOf } from '../connect.ts';
import { maintain, whileStopped } from '../maintenance.ts';
import { supervisorStatus } from '../supervisor/control.ts';

export const backup: Command = {
  summary: 'Copy everything that Holdfast remembers into one file, while it runs or not.',
  usage: '[file] [--with-key]',
  flags: [{ name: 'with-key', help: 'put the vault’s key file in too: whoever has the backup then has every secret' }],
  words: [0, 1],
  notes: 'Without a file name it goes to the folder backups of the home. A file that exists is never replaced.',
  run: runBackup,
};

async function runBackup(context: CliContext, args: Arguments): Promise<number> {
  const { home, print } = context;
  await prepareHome(home);
  const named = args.words[0];
  const file = named === undefined ? join(home.backups, defaultName()) : resolve(named);
  const flags = ['backup', '--file', file, ...(args.has('with-key') ? ['--with-key'] : [])];
  const done = await packed(context, flags);
  print(`${done.file}: ${done.files} files, each with its hash.`);
  if (args.has('with-key')) context.warn('The vault’s key is in it: keep it as you would keep the secrets themselves.');
  else print('The vault’s key is not in it: keep vault/master.key elsewhere, or every secret must be entered again.');
  return 0;
}

async function packed(context: CliContext, flags: readonly string[]): Promise<Record<string, unknown>> {
  const { home } = context;
  if ((await supervisorStatus(home.supervisorSocket)) === undefined)
    return await whileStopped(home, () => maintain(context, flags));
  // The host first: so the vault's copy has every charge of every run that the host's copy knows of.
  const host = await hostOf(home).copyDatabase();
  const vault = await vaultOf(home).copyDatabase();
  return await maintain(context, [...flags, '--host-copy', host, '--vault-copy', vault]);
}

const defaultName = (): string => `holdfast-${new Date().toISOString().replace(/\D/g, '').slice(0, 14)}.tar.gz`;
