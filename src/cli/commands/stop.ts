import type { CliContext, Command } from '../command.ts';
import { stopHome } from '../supervisor/stop.ts';

export const stop: Command = {
  summary: 'Stop Holdfast in order. Runs under way go on after the next start.',
  usage: '',
  flags: [],
  words: [0, 0],
  run: runStop,
};

async function runStop({ home, print }: CliContext): Promise<number> {
  const outcome = await stopHome(home);
  if (outcome === 'not-running') print(`Holdfast is not running in ${home.root}.`);
  else if (outcome === 'cleaned-up') print('Stopped. The supervisor was gone; what it left behind was ended.');
  else print('Stopped.');
  return 0;
}
