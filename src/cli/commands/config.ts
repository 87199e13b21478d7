import { HoldfastError } from '../../protocol/error.ts';
import { closest } from '../closest.ts';
import type { CliContext, Command } from '../command.ts';
import { JSON_FLAG } from '../command.ts';
import { loadConfig, problemLines } from '../load-config.ts';

export const config: Command = {
  summary: 'Check config.json, or show what holds after all defaults.',
  usage: 'check | show [--json]',
  flags: [JSON_FLAG],
  words: [1, 1],
  run: async (context, args) => {
    const [action = ''] = args.words;
    if (action === 'check') return check(context, args.has('json'));
    if (action === 'show') return show(context);
    const near = closest(action, ['check', 'show']);
    throw new HoldfastError('bad-request', `config has no "${action}"`, {
      remedy: `Did you mean: holdfast config ${near ?? 'check'}`,
    });
  },
};

async function check({ home, print, paint }: CliContext, json: boolean): Promise<number> {
  const loaded = await loadConfig(home);
  const problems = loaded.ok ? [] : loaded.problems;
  if (json) print(JSON.stringify({ ok: loaded.ok, file: home.configFile, problems }));
  else if (loaded.ok)
    print(`${paint.green('✓')} ${home.configFile} ${loaded.exists ? 'is valid' : 'does not exist: all defaults hold'}`);
  else {
    print(`${paint.red('✗')} ${home.configFile} has ${problems.length} problem${problems.length === 1 ? '' : 's'}`);
    for (const line of problemLines(problems)) print(line);
  }
  return loaded.ok ? 0 : 1;
}

async function show(context: CliContext): Promise<number> {
  const loaded = await loadConfig(context.home);
  if (!loaded.ok) return check(context, false);
  context.print(JSON.stringify(loaded.config, undefined, 2));
  return 0;
}
