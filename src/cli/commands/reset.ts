import { HoldfastError } from '../../protocol/error.ts';
import type { Arguments } from '../arguments.ts';
import type { CliContext, Command } from '../command.ts';
import { maintain, whileStopped } from '../maintenance.ts';

const SURE = 'yes-delete-everything';

export const reset: Command = {
  summary: 'Delete everything: conversations, files, configuration, secrets. Backups stay.',
  usage: `--${SURE}`,
  flags: [{ name: SURE, help: 'without it nothing is deleted' }],
  words: [0, 0],
  run: runReset,
};

async function runReset(context: CliContext, args: Arguments): Promise<number> {
  const { home, print } = context;
  if (!args.has(SURE))
    throw new HoldfastError(
      'bad-request',
      `This deletes everything in ${home.root}, also every secret; nothing was done.`,
      {
        remedy: `Make a backup (holdfast backup), then: holdfast reset --${SURE}`,
      },
    );
  const done = await whileStopped(home, () => maintain(context, ['reset']));
  const deleted = Array.isArray(done.deleted) ? done.deleted.map(String) : [];
  print(
    deleted.length === 0 ? `There was nothing in ${home.root}.` : `Deleted from ${home.root}: ${deleted.join(', ')}.`,
  );
  return 0;
}
