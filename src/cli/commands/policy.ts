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

type Action = (host: ApiClient, context: CliContext, args: Arguments) => Promise<void>;
const ACTIONS: Readonly<Record<string, Action>> = { show, explain };
const USAGE = 'show <agent> | explain <agent>[/<template>] <action> [<resource>]';

export const policy: Command = {
  summary: 'Show what an agent may do, and why the gate answers as it does.',
  usage: USAGE,
  flags: [JSON_FLAG],
  words: [2, 4],
  notes: `An action is a tool by name, or any word: then only the resource is judged. A resource is an address, a folder or
<kind>[.<act>]:<name>, e.g. blackboard.write:teams/sales/x, agent.task:intern, "api:hunter GET /v2", mcp:mail/send.
  holdfast policy explain operator/web_researcher web_fetch https://example.org`,
  run: async (context, args) => {
    const [name = ''] = args.words;
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (action === undefined) {
      const near = closest(name, Object.keys(ACTIONS));
      throw new HoldfastError('bad-request', `policy has no "${name}"`, {
        remedy: near ? `Did you mean: holdfast policy ${near}` : `Usage: holdfast policy ${USAGE}`,
      });
    }
    await action(hostOf(context.home), context, args);
    return 0;
  },
};

async function show(host: ApiClient, context: CliContext, args: Arguments): Promise<void> {
  const view = await host.policyOf(args.words[1] ?? '');
  if (args.has('json')) return context.print(JSON.stringify(view));
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

async function explain(host: ApiClient, context: CliContext, args: Arguments): Promise<void> {
  const [, agent = '', action, resource] = args.words;
  if (action === undefined) {
    throw new HoldfastError('bad-request', 'explain needs an action', { remedy: `Usage: holdfast policy ${USAGE}` });
  }
  const told = await host.explain({ agent, action, ...(resource === undefined ? {} : { resource }) });
  if (args.has('json')) return context.print(JSON.stringify(told));
  for (const line of explanationLines(told, context)) context.print(line);
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
