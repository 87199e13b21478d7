import { HoldfastError } from '../../protocol/error.ts';
import { closest } from '../closest.ts';
import type { Command } from '../command.ts';
import { JSON_FLAG } from '../command.ts';
import { EXCEPT_USAGE, policyExcept } from './policy-except.ts';

const PARTS: Readonly<Record<string, Command['run']>> = { except: policyExcept };

export const policy: Command = {
  summary: 'Exceptions from the rules of labels: add, list, remove.',
  usage: EXCEPT_USAGE,
  flags: [
    { name: 'for', value: 'TIME', help: 'how long it holds: 90m, 12h, 7d (default 7d)' },
    { name: 'note', value: 'TEXT', help: 'why, for whoever reads the list later' },
    JSON_FLAG,
  ],
  words: [1, 5],
  notes:
    'An agent is its name, template:<id> or *. An origin is a kind and a name, such as web:docs.example.org. A sink is where it leads, such as url:https://api.example.org/* or memory:agent. The star stands for any text.',
  run: async (context, args) => {
    const [name = ''] = args.words;
    const part = Object.hasOwn(PARTS, name) ? PARTS[name] : undefined;
    if (part !== undefined) return await part(context, args);
    const near = closest(name, Object.keys(PARTS));
    throw new HoldfastError('bad-request', `policy has no "${name}"`, {
      remedy: near ? `Did you mean: holdfast policy ${near}` : `Usage: holdfast policy ${EXCEPT_USAGE}`,
    });
  },
};
