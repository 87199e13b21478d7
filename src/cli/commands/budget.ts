import { HoldfastError } from '../../protocol/error.ts';
import { type BudgetCaps, type BudgetView, DEFAULT_BUDGET } from '../../protocol/vault-api.ts';
import type { Arguments } from '../arguments.ts';
import type { Command } from '../command.ts';
import { JSON_FLAG } from '../command.ts';
import { vaultOf } from '../connect.ts';
import { table } from '../render/table.ts';
import { usd } from '../render/units.ts';

export const budget: Command = {
  summary: 'Show what agents spent and may spend, or set it. The vault enforces it before a call is sent.',
  usage: '[agent] [--daily USD] [--monthly USD] [--json]',
  flags: [
    { name: 'daily', value: 'USD', help: 'cap per UTC day; none lifts it' },
    { name: 'monthly', value: 'USD', help: 'cap per UTC month; none lifts it' },
    JSON_FLAG,
  ],
  words: [0, 1],
  notes: 'Without an agent, --daily and --monthly set the default of every agent that has no cap of its own.',
  run: async (context, args) => {
    const vault = vaultOf(context.home);
    const [agent] = args.words;
    if (args.has('daily') || args.has('monthly')) {
      const caps = capsOf(args, currentCaps(await vault.listBudgets(), agent ?? '*'));
      await vault.putBudget(agent ?? '*', caps);
    }
    const budgets = (await vault.listBudgets()).filter((one) => agent === undefined || one.agent === agent);
    if (args.has('json')) context.print(JSON.stringify(budgets));
    else for (const line of rows(budgets)) context.print(line);
    return 0;
  },
};

function currentCaps(budgets: readonly BudgetView[], agent: string): BudgetCaps {
  const find = (name: string): BudgetCaps | undefined => budgets.find((one) => one.agent === name)?.caps;
  return find(agent) ?? find('*') ?? DEFAULT_BUDGET;
}

function capsOf(args: Arguments, before: BudgetCaps): BudgetCaps {
  return {
    dailyUsd: args.has('daily') ? amount(args, 'daily') : before.dailyUsd,
    monthlyUsd: args.has('monthly') ? amount(args, 'monthly') : before.monthlyUsd,
  };
}

/** `null` lifts the cap: only on the word `none`, never by a typing mistake. */
function amount(args: Arguments, flag: string): number | null {
  if (args.text(flag) === 'none') return null;
  const value = args.number(flag, 0);
  if (value === undefined) throw new HoldfastError('bad-request', `--${flag} needs an amount`);
  return value;
}

function rows(budgets: readonly BudgetView[]): string[] {
  if (budgets.length === 0)
    return [`No calls yet. Default: ${cap(DEFAULT_BUDGET.dailyUsd)} a day, ${cap(DEFAULT_BUDGET.monthlyUsd)} a month.`];
  return table([
    ['agent', 'today', 'of', 'month', 'of', 'reserved', 'calls today'],
    ...budgets.map((one) => [
      one.agent === '*' ? '(default)' : one.agent,
      usd(one.spentTodayUsd),
      cap(one.caps.dailyUsd),
      usd(one.spentThisMonthUsd),
      cap(one.caps.monthlyUsd),
      usd(one.reservedUsd),
      String(one.callsToday),
    ]),
  ]);
}

function cap(limit: number | null): string {
  return limit === null ? 'no cap' : usd(limit);
}
