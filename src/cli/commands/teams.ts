import { createInterface } from 'node:readline/promises';
import { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';
import { EditTeam, TeamProposal, TeamTemplateView, TeamView } from '../../protocol/team.ts';
import type { Arguments } from '../arguments.ts';
import { type CliContext, type Command, JSON_FLAG } from '../command.ts';
import { vaultOf } from '../connect.ts';
import { checked, readText } from '../fleet/agent-flags.ts';
import { fleetCall, part } from '../fleet/fleet-client.ts';
import { type Actions, runAction, word } from '../fleet/subcommands.ts';
import { plainText } from '../render/plain-text.ts';
import { table } from '../render/table.ts';
import { usd } from '../render/units.ts';

const ACTIONS: Actions = { list, templates, preview, create, show, edit, join, leave, remove };

export const teams: Command = {
  summary: 'Teams: list, templates, preview, create, show, edit, join, leave, remove.',
  usage:
    'list | templates | create <name> --template ID | create <name> --words "what for" | preview <name> … | show|edit|remove <name> | join|leave <name> <agent>',
  flags: [
    JSON_FLAG,
    { name: 'template', value: 'ID', help: 'which kind of team' },
    { name: 'words', value: 'TEXT', help: 'or what the team is for, in words' },
    { name: 'yes', short: 'y', help: 'make it without asking again' },
    { name: 'budgets', help: 'with create: set the budgets of the preview in the vault, too' },
    { name: 'title', value: 'TEXT', help: 'with edit' },
    { name: 'description', value: 'TEXT', help: 'with edit' },
    { name: 'lead', value: 'AGENT', help: 'with edit; none: nobody' },
    { name: 'file', value: 'FILE', help: 'with edit: becomes TEAM.md' },
    { name: 'archive', help: 'with remove: archive its members' },
  ],
  words: [1, 3],
  notes: 'create shows the whole team first and makes nothing until you say yes.',
  run: (context, args) => runAction('teams', ACTIONS, { context, args }),
};

const teamPath = (id: string, rest = ''): string => `/api/teams/${part(id)}${rest}`;

async function list(context: CliContext, args: Arguments): Promise<void> {
  const all = await fleetCall(context.home)(TeamView.array(), { method: 'GET', path: '/api/teams' });
  if (args.has('json')) return context.print(JSON.stringify(all));
  if (all.length === 0) return context.print('No teams. See: holdfast teams templates');
  const rows = all.map((team) => [team.id, team.title, team.members.map((one) => one.id).join(', ')]);
  for (const line of table([['team', 'title', 'members'], ...rows])) context.print(line);
}

async function templates(context: CliContext, args: Arguments): Promise<void> {
  const all = await fleetCall(context.home)(TeamTemplateView.array(), { method: 'GET', path: '/api/team-templates' });
  if (args.has('json')) return context.print(JSON.stringify(all));
  const rows = all.map((one) => [one.id, one.roles.join(', '), one.description]);
  for (const line of table([['template', 'members', 'for'], ...rows])) context.print(line);
}

async function previewed(context: CliContext, args: Arguments): Promise<TeamProposal> {
  const id = word(args, 1, 'a name for the team');
  const [template, description] = [args.text('template'), args.text('words')];
  if ((template === undefined) === (description === undefined)) {
    throw new HoldfastError('bad-request', 'name either --template or --words', {
      remedy: 'See: holdfast teams templates',
    });
  }
  const body = { id, ...(template === undefined ? { description } : { template }) };
  return await fleetCall(context.home)(TeamProposal, { method: 'POST', path: '/api/teams/preview', body });
}

async function preview(context: CliContext, args: Arguments): Promise<void> {
  const proposal = await previewed(context, args);
  if (args.has('json')) return context.print(JSON.stringify(proposal));
  for (const line of lines(proposal)) context.print(line);
}

async function create(context: CliContext, args: Arguments): Promise<void> {
  const proposal = await previewed(context, args);
  if (!args.has('json')) for (const line of lines(proposal)) context.print(line);
  if (!args.has('yes') && !(await confirmed(context))) {
    context.print('Nothing was made.');
    return;
  }
  const made = await fleetCall(context.home)(TeamView, { method: 'POST', path: '/api/teams', body: proposal });
  if (args.has('budgets')) {
    const vault = vaultOf(context.home);
    for (const { id, daily_usd } of proposal.agents)
      await vault.putBudget(id, { dailyUsd: daily_usd, monthlyUsd: daily_usd * 31 });
  }
  context.print(
    args.has('json') ? JSON.stringify(made) : `Made the team ${made.id} with ${made.members.length} members.`,
  );
}

async function confirmed(context: CliContext): Promise<boolean> {
  if (!context.interactive) {
    throw new HoldfastError('bad-request', 'nobody is here to confirm', {
      remedy: 'Look at the preview, then add --yes.',
    });
  }
  const reader = createInterface({ input: context.stdin, output: context.stdout });
  try {
    return /^y(es)?$/i.test((await reader.question('Make this team? [y/N] ')).trim());
  } finally {
    reader.close();
  }
}

function lines(proposal: TeamProposal): string[] {
  const rows = proposal.agents.map((agent) => {
    const given = Object.entries(agent.permissions).map(([name, value]) =>
      value === true ? name : `${name}=${String(value)}`,
    );
    return [agent.id, agent.role, agent.schedule ?? '', usd(agent.daily_usd), given.join(', ')];
  });
  return [
    plainText(`${proposal.title}: ${proposal.description}`),
    ...table([['agent', 'role', 'wakes', 'a day', 'may'], ...rows]),
    ...(proposal.lead === null ? [] : [`lead: ${proposal.lead}`]),
    '',
    ...plainText(proposal.team_md)
      .split('\n')
      .map((line) => `  ${line}`),
    ...proposal.notes.map((note) => plainText(note)),
  ];
}

async function show(context: CliContext, args: Arguments): Promise<void> {
  const id = word(args, 1, 'the name of a team');
  const call = fleetCall(context.home);
  const team = await call(TeamView, { method: 'GET', path: teamPath(id) });
  if (args.has('json')) return context.print(JSON.stringify(team));
  const { text } = await call(z.object({ text: z.string() }), { method: 'GET', path: teamPath(id, '/file') });
  context.print(plainText(`${team.title}: ${team.description}`));
  const rows = team.members.map((one) => [one.id, one.role, one.status, one.id === team.lead ? 'leads' : '']);
  for (const line of table(rows)) context.print(line);
  context.print(`\n${plainText(text)}`);
}

async function edit(context: CliContext, args: Arguments): Promise<void> {
  const id = word(args, 1, 'the name of a team');
  const lead = args.text('lead');
  const body = checked(EditTeam, {
    ...(args.has('title') ? { title: args.text('title') } : {}),
    ...(args.has('description') ? { description: args.text('description') } : {}),
    ...(lead === undefined ? {} : { lead: lead === 'none' ? null : lead }),
    ...(args.has('file') ? { team_md: await readText(args.text('file') ?? '') } : {}),
  });
  await fleetCall(context.home)(TeamView, { method: 'POST', path: teamPath(id), body });
  context.print(`Changed ${id}.`);
}

async function join(context: CliContext, args: Arguments): Promise<void> {
  const [id, agent] = [word(args, 1, 'the name of a team'), word(args, 2, 'the name of an agent')];
  await fleetCall(context.home)(TeamView, { method: 'POST', path: teamPath(id, '/members'), body: { agent } });
  context.print(`${agent} is a member of ${id}.`);
}

async function leave(context: CliContext, args: Arguments): Promise<void> {
  const [id, agent] = [word(args, 1, 'the name of a team'), word(args, 2, 'the name of an agent')];
  await fleetCall(context.home)(TeamView, { method: 'DELETE', path: teamPath(id, `/members/${part(agent)}`) });
  context.print(`${agent} left ${id}.`);
}

async function remove(context: CliContext, args: Arguments): Promise<void> {
  const id = word(args, 1, 'the name of a team');
  const archive = args.has('archive');
  const path = teamPath(id, archive ? '?archive=true' : '');
  await fleetCall(context.home)(z.object({ done: z.literal(true) }), { method: 'DELETE', path });
  context.print(`Dissolved ${id}; its members ${archive ? 'are archived' : 'stay without a team'}.`);
}
