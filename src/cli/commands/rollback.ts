import type { CliContext, Command } from '../command.ts';
import { maintain, whileStopped } from '../maintenance.ts';

export const rollback: Command = {
  summary: 'Go back to the copy of the database that was made before the last upgrade migrated it.',
  usage: '',
  flags: [],
  words: [0, 0],
  notes:
    'Holdfast must be stopped. What happened since the upgrade is kept beside, not merged. Install the older\nversion before the next start: this one would migrate the database again.',
  run: runRollback,
};

async function runRollback(context: CliContext): Promise<number> {
  const done = await whileStopped(context.home, () => maintain(context, ['rollback']));
  context.print(`The database is now ${done.snapshot}.`);
  context.print(`What was there before: ${done.before}`);
  context.print('Install the older version before the next start: this one would migrate the database again.');
  return 0;
}
