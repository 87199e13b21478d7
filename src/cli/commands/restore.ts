import { resolve } from 'node:path';
import type { Arguments } from '../arguments.ts';
import type { CliContext, Command } from '../command.ts';
import { maintain, whileStopped } from '../maintenance.ts';

export const restore: Command = {
  summary: 'Put a backup in the place of everything that is there. What was there is kept beside.',
  usage: '<file>',
  flags: [],
  words: [1, 1],
  notes: 'Holdfast must be stopped. The backup is checked to its last byte before anything is moved.',
  run: runRestore,
};

async function runRestore(context: CliContext, args: Arguments): Promise<number> {
  const { home, print } = context;
  const file = resolve(args.words[0] ?? '');
  const done = await whileStopped(home, () => maintain(context, ['restore', '--file', file]));
  print(`Restored ${file}.`);
  print(`What was there before: ${done.before}`);
  if (typeof done.schemaBefore === 'string') print(`Its tables: schema ${done.schemaBefore} of the same database`);
  if (done.keyMissing === true)
    context.warn('There is no vault/master.key: put yours back, unless a passphrase or the keychain opens the vault.');
  print('Start it: holdfast start');
  return 0;
}
