import { changeBudget } from '../budget/change.ts';
import { readScope } from '../budget/scope.ts';
import { budgetLines } from '../budget/show.ts';
import type { Command } from '../command.ts';
import { JSON_FLAG } from '../command.ts';
import { vaultOf } from '../connect.ts';

export const budget: Command = {
  summary: 'Show what was used and may be used, or set it. The vault enforces it before a call is sent.',
  usage:
    '[agent|org|team:NAME|run:ID|task:ID] [--daily N] [--monthly N] [--total N] [--of WHAT] [--team NAME] [--json]',
  flags: [
    { name: 'daily', value: 'N', help: 'cap per UTC day; none: expressly no cap, default: what * says' },
    { name: 'monthly', value: 'N', help: 'cap per UTC month' },
    { name: 'total', value: 'N', help: 'cap for ever' },
    { name: 'of', value: 'WHAT', help: 'usd (the default), tokens (500k), calls, traffic (500MB) or time (2h)' },
    { name: 'team', value: 'NAME', help: 'the team that pays for this agent too; none: no team' },
    JSON_FLAG,
  ],
  words: [0, 1],
  notes:
    'Every cap of every scope that a call belongs to holds: of the org, its team, its agent, its run and its task. * as a name (run:*) is the default of every one without a cap of its own; without a scope the flags set the default of agents.',
  run: async (context, args) => {
    const vault = vaultOf(context.home);
    const [word] = args.words;
    const scope = readScope(word);
    await changeBudget(vault, scope, args);
    const view = await vault.spending();
    if (args.has('json')) context.print(JSON.stringify(view));
    else for (const line of budgetLines(view, word === undefined ? undefined : scope)) context.print(line);
    return 0;
  },
};
