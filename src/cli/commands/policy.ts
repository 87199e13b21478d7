import { HoldfastError } from '../../protocol/error.ts';
import type { Explanation } from '../../protocol/explanation.ts';
import type { Permissions } from '../../protocol/permission.ts';
import type { ApiClient } from '../api-client.ts';
import type { Arguments } from '../arguments.ts';
import { closest } from '../closest.ts';
import type { CliContext, Command } from '../command.ts';
import { JSON_FLAG } from '../command.ts';
import { hostOf } from '../connect.ts';
import { oneLine, plainText } from '../render/plain-text.ts';
import { table } from '../render/table.ts';
import { EXCEPT_USAGE, policyExcept } from './policy-except.ts';
import { tryPolicy } from './policy-try.ts';

const ACTIONS: Readonly<Record<string, Command['run']>> = {
  show: async (context, args) => await show(hostOf(context.home), context, args),
  explain: async (context, args) => await explain(hostOf(context.home), context, args),
  try: tryPolicy,
  except: policyExcept,
};
const USAGE = `show <agent> | explain <agent>[/<template>] <action> [<resource>] | try <file> [--days N] | ${EXCEPT_USAGE}`;

export const policy: Command = {
  summary: 'Show what an agent may do, why the gate answers as it does, and what a change would do.',
  usage: USAGE,
  flags: [
    { name: 'days', value: 'N', help: 'try: how far back, 30 days by default' },
    { name: 'for', value: 'TIME', help: 'how long an exception holds: 90m, 12h, 7d (default 7d)' },
    { name: 'note', value: 'TEXT', help: 'why, for whoever reads the list later' },
    JSON_FLAG,
  ],
  words: [1, 5],
  notes: `An action is a tool by name, or any word: then only the resource is judged. A resource is an address, a folder or
<kind>[.<act>]:<name>, e.g. blackboard.write:teams/sales/x, agent.task:intern, "api:hunter GET /v2", mcp:mail/send.
A change is a JSON file: {"floor": {"alsoNever": ["host:*.example.net"]}, "agents": {"sales": {"can_spawn": []}},
"grants": {"remove": ["gra_1"]}}. Nothing is saved by trying it.
  holdfast policy explain operator/web_researcher web_fetch https://example.org
In an exception an agent is its name, template:<id> or *. An origin is a kind and a name, such as web:docs.example.org. A sink is
where it leads, such as url:https://api.example.org/* or memory:agent. The star stands for any text.`,
  run: async (context, args) => {
    const [name = ''] = args.words;
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (action === undefined) {
      const near = closest(name, Object.keys(ACTIONS));
      throw new HoldfastError('bad-request', `policy has no "${name}"`, {
        remedy: near ? `Did you mean: holdfast policy ${near}` : `Usage: holdfast policy ${USAGE}`,
      });
    }
    return await action(context, args);
  },
};

async function show(host: ApiClient, context: CliContext, args: Arguments): Promise<number> {
  const view = await host.policyOf(args.words[1] ?? '');
  if (args.has('json')) {
    context.print(JSON.stringify(view));
    return 0;
  }
  const { paint } = context;
  context.print(paint.bold(`${view.agentId}${view.isOperator ? ' (operator: it only plans and delegates)' : ''}`));
  context.print(`  tools  ${view.tools.join(', ') || 'none'}`);
  for (const line of granted(view.permissions)) context.print(`  ${line}`);
  for (const worker of view.workers) {
    context.print(paint.bold(`${view.agentId}/${worker.template}`));
    context.print(`  tools  ${worker.tools.join(', ')}`);
    for (const line of granted(worker.permissions)) context.print(`  ${line}`);
  }
  context.print(paint.bold(`floor (${view.floor.length} rules that nothing overrides)`));
  for (const rule of view.floor) context.print(`  never  ${plainText(rule)}`);
  for (const grant of view.grants) context.print(`  grant  ${grant.id}: ${plainText(grant.allows.join(', '))}`);
  context.print(paint.dim('What is not listed is denied.'));
  return 0;
}

/** Only what grants something (or takes something away); the rest denies. */
function granted(permissions: Permissions): string[] {
  const rows = Object.entries(permissions).flatMap(([field, value]) => {
    if (value === false || (Array.isArray(value) && value.length === 0)) return [];
    if (field.startsWith('wallet_') && !permissions.can_use_wallet) return [];
    if (field === 'browser_actions' && !permissions.can_use_browser) return [];
    if (field === 'allowed_hosts' && !permissions.can_use_internet && !permissions.can_use_browser) return [];
    return [[field, textOf(value)]];
  });
  return table(rows);
}

function textOf(value: Permissions[keyof Permissions]): string {
  if (value === null) return 'all';
  if (value === true) return 'yes';
  if (!Array.isArray(value)) return String(value);
  return value.map((entry) => (typeof entry === 'string' ? entry : `${entry.path} (${entry.mode})`)).join(', ');
}

async function explain(host: ApiClient, context: CliContext, args: Arguments): Promise<number> {
  const [, agent = '', action, resource] = args.words;
  if (action === undefined) {
    throw new HoldfastError('bad-request', 'explain needs an action', { remedy: `Usage: holdfast policy ${USAGE}` });
  }
  const told = await host.explain({ agent, action, ...(resource === undefined ? {} : { resource }) });
  const lines = args.has('json') ? [JSON.stringify(told)] : explanationLines(told, context);
  for (const line of lines) context.print(line);
  return 0;
}

function explanationLines({ decision, considered, changes }: Explanation, { paint }: CliContext): string[] {
  const colour = { allow: paint.green, ask: paint.yellow, deny: paint.red }[decision.kind];
  const say = { allow: 'allowed', ask: 'a person is asked', deny: 'refused' }[decision.kind];
  const rows = considered.map(({ rule, verdict, about, why, decided }) => [
    decided ? '>' : ' ',
    verdict,
    rule,
    oneLine(about, 60),
    oneLine(why, 400),
  ]);
  return [
    `${colour(say)} by ${decision.rule}`,
    '',
    ...table(rows),
    ...(changes.length === 0 ? [] : ['', paint.bold('What would change it')]),
    ...changes.map((change) => `  ${plainText(change)}`),
  ];
}
