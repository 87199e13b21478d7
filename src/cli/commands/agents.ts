import { join } from 'node:path';
import { z } from 'zod';
import { AgentRevision, CloneAgent, PersonaFile } from '../../protocol/agent.ts';
import { AgentSettings, AgentView, PersonaFileVersionView, PersonaFileView } from '../../protocol/api.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { Permissions } from '../../protocol/permission.ts';
import { DEFAULT_BUDGET } from '../../protocol/vault-api.ts';
import type { Arguments } from '../arguments.ts';
import { type CliContext, type Command, JSON_FLAG } from '../command.ts';
import { vaultOf } from '../connect.ts';
import { AGENT_FLAGS, changeOf, checked, newAgentOf, readText } from '../fleet/agent-flags.ts';
import { fleetCall, part } from '../fleet/fleet-client.ts';
import { type Actions, runAction, word } from '../fleet/subcommands.ts';
import { plainText } from '../render/plain-text.ts';
import { table } from '../render/table.ts';
import { usd } from '../render/units.ts';

const ACTIONS: Actions = {
  list,
  add,
  show,
  edit,
  clone,
  archive: (context, args) => act(context, args, 'archive'),
  restore: (context, args) => act(context, args, 'restore'),
  remove,
  files,
  revisions,
  undo,
};

export const agents: Command = {
  summary: 'Agents: list, add, show, edit, clone, archive, restore, remove, their files, and undo.',
  usage:
    'list | add <name> | show|edit|archive|restore|remove <name> | clone <name> <new> | files <name> [file] | revisions <name> | undo <name> <revision>',
  flags: [
    JSON_FLAG,
    ...AGENT_FLAGS,
    { name: 'set', value: 'FILE', help: 'with files: the new text of the file' },
    { name: 'versions', help: 'with files: the older versions' },
    { name: 'revert', value: 'N', help: 'with files: make an older version the current one again' },
    { name: 'all', help: 'with list: archived ones, too' },
  ],
  words: [1, 3],
  notes: 'An agent’s files can also be edited in place, in the folder agents/<name> of the home directory.',
  run: (context, args) => runAction('agents', ACTIONS, { context, args }),
};

const agentPath = (id: string, rest = ''): string => `/api/agents/${part(id)}${rest}`;

async function list(context: CliContext, args: Arguments): Promise<void> {
  const all = await fleetCall(context.home)(AgentView.array(), { method: 'GET', path: '/api/agents' });
  const shown = all.filter((agent) => args.has('all') || agent.status === 'active');
  if (args.has('json')) return context.print(JSON.stringify(shown));
  const rows = shown.map((agent) => [
    agent.id,
    agent.status === 'active' ? agent.state : agent.status,
    agent.team ?? '',
    agent.model,
    agent.budget === null ? '' : usd(agent.budget.spentTodayUsd),
    agent.role === '' ? agent.description : agent.role,
  ]);
  for (const line of table([['agent', 'state', 'team', 'model', 'today', 'for'], ...rows])) context.print(line);
}

async function add(context: CliContext, args: Arguments): Promise<void> {
  const id = word(args, 1, 'a name');
  const body = await newAgentOf(id, args, ownPart(id));
  const made = await fleetCall(context.home)(AgentSettings, { method: 'POST', path: '/api/agents', body });
  await setBudget(context, args, id);
  report(context, args, made, `Made ${id}. Talk to it: holdfast chat ${id}`);
}

async function show(context: CliContext, args: Arguments): Promise<void> {
  const id = word(args, 1, 'the name of an agent');
  const config = await settings(context, id);
  if (args.has('json')) return context.print(JSON.stringify(config));
  const { permissions, sandbox, limits, tools, ...rest } = config;
  const rows = Object.entries(rest).map(([name, value]) => [name, value === null ? '(default)' : String(value)]);
  const granted = Object.entries(permissions).filter(([, value]) => value !== false && !isEmpty(value));
  const inside = [
    ...Object.entries(sandbox).map(([name, value]) => [`sandbox.${name}`, textOf(value)]),
    ...Object.entries(limits).map(([name, value]) => [`limits.${name}`, textOf(value)]),
    ...granted.map(([name, value]) => [name, textOf(value)]),
  ];
  for (const line of table([...rows, ['tools', tools.join(', ') || 'none'], ...inside])) context.print(line);
  context.print(context.paint.dim(join(context.home.agents, id)));
}

async function edit(context: CliContext, args: Arguments): Promise<void> {
  const id = word(args, 1, 'the name of an agent');
  const before = await settings(context, id);
  const change = await changeOf(args, before.permissions);
  const sandbox = change.sandbox === undefined ? {} : { sandbox: { ...before.sandbox, ...change.sandbox } };
  const body = { revision: before.revision, ...change, ...sandbox };
  const after = await fleetCall(context.home)(AgentSettings, { method: 'POST', path: agentPath(id, '/config'), body });
  await writeFiles(context, args, id);
  await setBudget(context, args, id);
  const undo = after.revision === before.revision ? '' : ` Undo: holdfast agents undo ${id} ${after.revision}`;
  report(context, args, after, `Changed ${id}; counts from its next run on.${undo}`);
}

async function clone(context: CliContext, args: Arguments): Promise<void> {
  const id = word(args, 1, 'the name of an agent');
  const body = checked(CloneAgent, { id: word(args, 2, 'a name for the copy'), title: args.text('title') });
  const made = await fleetCall(context.home)(AgentSettings, { method: 'POST', path: agentPath(id, '/clone'), body });
  report(context, args, made, `Made ${made.id} from ${id}.`);
}

async function act(context: CliContext, args: Arguments, what: 'archive' | 'restore'): Promise<void> {
  const id = word(args, 1, 'the name of an agent');
  const after = await fleetCall(context.home)(AgentSettings, { method: 'POST', path: agentPath(id, `/${what}`) });
  report(context, args, after, `${id} is ${after.status}.`);
}

async function remove(context: CliContext, args: Arguments): Promise<void> {
  const id = word(args, 1, 'the name of an agent');
  const { revision } = await settings(context, id);
  await fleetCall(context.home)(z.object({ done: z.literal(true) }), { method: 'DELETE', path: agentPath(id) });
  context.print(`Removed ${id}. Undo: holdfast agents undo ${id} ${revision + 1}`);
}

async function files(context: CliContext, args: Arguments): Promise<void> {
  const id = word(args, 1, 'the name of an agent');
  const call = fleetCall(context.home);
  const name = args.words[2];
  if (name === undefined) {
    const all = await call(PersonaFileView.array(), { method: 'GET', path: agentPath(id, '/files') });
    if (args.has('json')) return context.print(JSON.stringify(all));
    const rows = all.map((file) => [file.name, String(file.text.length), file.writable ? '' : 'generated']);
    for (const line of table([['file', 'characters', ''], ...rows])) context.print(line);
    return context.print(context.paint.dim(join(context.home.agents, id)));
  }
  const file = PersonaFile.safeParse(name);
  if (!file.success) {
    const remedy = `Files: ${PersonaFile.options.join(', ')}.`;
    throw new HoldfastError('bad-request', `an agent has no file ${name}`, { remedy });
  }
  await oneFile(context, args, { id, name: file.data });
}

async function oneFile(
  context: CliContext,
  args: Arguments,
  { id, name }: { id: string; name: PersonaFile },
): Promise<void> {
  const call = fleetCall(context.home);
  const path = agentPath(id, `/files/${name}`);
  const version = args.number('revert', 1);
  if (version !== undefined) {
    await call(z.object({}), { method: 'POST', path: `${path}/revert`, body: { version } });
    return context.print(`${name} is as it was in version ${version}.`);
  }
  if (args.has('set')) {
    await call(PersonaFileView, { method: 'POST', path, body: { text: await readText(args.text('set') ?? '') } });
    return context.print(`Wrote ${name}; counts from the next run on.`);
  }
  if (args.has('versions')) {
    const versions = await call(PersonaFileVersionView.array(), { method: 'GET', path: `${path}/versions` });
    const rows = versions.map((one) => [String(one.version), day(one.at), one.by, `${one.content.length} characters`]);
    for (const line of table(rows)) context.print(line);
    return;
  }
  const all = await call(PersonaFileView.array(), { method: 'GET', path: agentPath(id, '/files') });
  context.print(plainText(all.find((one) => one.name === name)?.text ?? ''));
}

async function revisions(context: CliContext, args: Arguments): Promise<void> {
  const id = word(args, 1, 'the name of an agent');
  const all = await fleetCall(context.home)(AgentRevision.array(), {
    method: 'GET',
    path: agentPath(id, '/revisions'),
  });
  if (args.has('json')) return context.print(JSON.stringify(all));
  const rows = all.map((one) => [
    String(one.revision),
    day(one.at),
    one.change,
    `${one.by} (${one.surface})`,
    one.change === 'created' ? '' : one.fields.join(', '),
  ]);
  for (const line of table(rows)) context.print(line);
}

async function undo(context: CliContext, args: Arguments): Promise<void> {
  const id = word(args, 1, 'the name of an agent');
  const body = { revision: Number(word(args, 2, 'the number of a revision')) };
  const after = await fleetCall(context.home)(AgentSettings, { method: 'POST', path: agentPath(id, '/undo'), body });
  report(context, args, after, `Took change ${body.revision} of ${id} back.`);
}

async function settings(context: CliContext, id: string): Promise<AgentSettings> {
  return await fleetCall(context.home)(AgentSettings, { method: 'GET', path: agentPath(id, '/config') });
}

async function writeFiles(context: CliContext, args: Arguments, id: string): Promise<void> {
  for (const [flag, name] of [
    ['instructions', 'INSTRUCTIONS.md'],
    ['soul', 'SOUL.md'],
  ] as const) {
    const path = args.text(flag);
    if (path === undefined) continue;
    const body = { text: await readText(path) };
    await fleetCall(context.home)(PersonaFileView, { method: 'POST', path: agentPath(id, `/files/${name}`), body });
  }
}

/** Only the owner's own channel to the vault can set a budget; the host cannot. */
async function setBudget(context: CliContext, args: Arguments, id: string): Promise<void> {
  const daily = args.number('daily', 0);
  const monthly = args.number('monthly', 0);
  if (daily === undefined && monthly === undefined) return;
  const vault = vaultOf(context.home);
  const all = await vault.listBudgets();
  const before = (all.find((one) => one.agent === id) ?? all.find((one) => one.agent === '*'))?.caps ?? DEFAULT_BUDGET;
  await vault.putBudget(id, { dailyUsd: daily ?? before.dailyUsd, monthlyUsd: monthly ?? before.monthlyUsd });
}

function report(context: CliContext, args: Arguments, value: AgentSettings, line: string): void {
  context.print(args.has('json') ? JSON.stringify(value) : line);
}

/** What the host would give a new agent by itself, so that `--grant` adds to it. */
function ownPart(id: string): Permissions {
  const own = [`teams/${id}/*`];
  return Permissions.parse({ can_message: ['operator'], blackboard_read: own, blackboard_write: own });
}

const day = (at: number): string => new Date(at).toISOString().replace('T', ' ').slice(0, 16);
const isEmpty = (value: unknown): boolean => value === null || (Array.isArray(value) && value.length === 0);
const textOf = (value: unknown): string => (Array.isArray(value) ? value.map(textOf).join(', ') : plain(value));
const plain = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value));
