import type { Clock } from '../../base/clock.ts';
import { permissionsFrom } from '../../policy/meet.ts';
import { CreateAgent, RESERVED_NAMES } from '../../protocol/agent.ts';
import type { FleetLimits } from '../../protocol/config.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { OPERATOR } from '../../protocol/ids.ts';
import {
  type EditTeam,
  type PreviewTeam,
  TeamProposal,
  type TeamTemplate,
  type TeamView,
} from '../../protocol/team.ts';
import { readAll, readOne, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { Agent } from '../agents/agent.ts';
import type { AgentRoom } from '../agents/agent-room.ts';
import { ownPermissions } from '../agents/defaults.ts';
import type { Principal } from '../control.ts';
import type { HostSql } from '../database.ts';
import type { Journal } from '../journal/journal.ts';
import { joined, left } from './membership.ts';
import { type ProposeDeps, proposalOf, proposeTeam } from './propose.ts';
import type { TeamsTable } from './tables.ts';
import type { TeamFiles } from './team-files.ts';

/**
 * Teams of agents. A team is made in one unit, members and all, or not at all; who joins or leaves changes with the row of
 * its agent. A preview makes nothing: what a person confirms is the preview itself, sent back.
 */
export interface Teams {
  readonly templates: readonly TeamTemplate[];
  list(): Promise<TeamView[]>;
  /** Throws `not-found`. */
  get(id: string): Promise<TeamView>;
  preview(wanted: PreviewTeam): Promise<TeamProposal>;
  /** All or nothing. Throws `forbidden` beyond limits.maxTeams or limits.maxAgents. */
  create(proposal: TeamProposal, by: Principal): Promise<TeamView>;
  edit(id: string, change: EditTeam, by: Principal): Promise<TeamView>;
  join(id: string, agentId: string, by: Principal): Promise<TeamView>;
  leave(id: string, agentId: string, by: Principal): Promise<TeamView>;
  /** Its members stay, without a team, unless `archiveMembers`. */
  remove(id: string, by: Principal, options?: { archiveMembers?: boolean }): Promise<void>;
  file(id: string): Promise<string>;
}

export interface TeamsDeps extends ProposeDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly room: AgentRoom;
  readonly files: TeamFiles;
  readonly limits: FleetLimits;
}

export function createTeams(deps: TeamsDeps): Teams {
  const { store, sql, room, files } = deps;
  const rows = () => sql.selectFrom('teams').selectAll();
  const find = async (id: string): Promise<TeamsTable> => {
    const row = await readOne(store, rows().where('id', '=', id).where('status', '=', 'active'));
    if (row !== undefined) return row;
    throw new HoldfastError('not-found', `There is no team ${id}.`, { remedy: 'See: holdfast teams list' });
  };
  const membersOf = async (id: string): Promise<Agent[]> => await room.agents.ofTeam(id);
  const view = async (row: TeamsTable): Promise<TeamView> => toView(row, await membersOf(row.id));
  return {
    templates: deps.templates,
    list: async () =>
      await Promise.all(
        (await readAll(store, rows().where('status', '=', 'active').orderBy('created_at').limit(500))).map(view),
      ),
    get: async (id) => await view(await find(id)),
    async preview({ id, template: name, description }) {
      if (description !== undefined) return await proposeTeam(id, description, deps);
      const template = deps.templates.find((one) => one.id === name);
      if (template !== undefined) return proposalOf(id, template, deps.knownTools());
      const names = deps.templates.map((one) => one.id).join(', ');
      throw new HoldfastError('not-found', `There is no team template ${name}.`, { remedy: `Templates: ${names}.` });
    },
    create: async (proposal, by) => {
      await createTeam(TeamProposal.parse(proposal), by, deps);
      return await view(await find(proposal.id));
    },
    async edit(id, { team_md, ...change }, by) {
      const row = await find(id);
      const members = await membersOf(id);
      if (change.lead != null && !members.some((agent) => agent.id === change.lead))
        throw new HoldfastError('bad-request', `${change.lead} is no member of ${id}.`);
      if (team_md !== undefined) await files.write(id, team_md, by);
      await write(row, change, deps);
      return await view(await find(id));
    },
    async join(id, agentId, by) {
      const row = await find(id);
      const agent = await room.agents.active(agentId);
      if (agent.kind === 'operator') throw new HoldfastError('forbidden', 'The operator belongs to no team.');
      if (agent.team !== null) {
        const where = agent.team === id ? 'already' : `of ${agent.team}`;
        throw new HoldfastError('conflict', `${agentId} is a member ${where}.`, { remedy: 'Let it leave first.' });
      }
      await move([agent], { to: id, by, deps, members: await membersOf(id) });
      return await view(row);
    },
    async leave(id, agentId, by) {
      const row = await find(id);
      const members = await membersOf(id);
      const agent = members.find((one) => one.id === agentId);
      if (agent === undefined) throw new HoldfastError('not-found', `${agentId} is no member of ${id}.`);
      await move([agent], { to: null, by, deps, members });
      if (row.lead === agentId) await write(row, { lead: null }, deps);
      return await view(await find(id));
    },
    async remove(id, by, { archiveMembers = false } = {}) {
      const row = await find(id);
      const members = await membersOf(id);
      const made = leaving(members, { by, deps, members });
      const update = sql.updateTable('teams').set({ status: 'removed', updated_at: deps.clock.now() });
      const gone = toStatement(update.where('id', '=', row.id).where('revision', '=', row.revision), { expectRows: 1 });
      const events = [teamEvent(id, 'removed'), ...made.map((one) => one.event)];
      await deps.journal.append(events, [gone, ...made.flatMap((one) => one.statements)]);
      if (archiveMembers) for (const agent of members) await room.agents.archive(agent.id, by);
    },
    file: async (id) => (await files.read((await find(id)).id)) ?? '',
  };
}

async function createTeam(proposal: TeamProposal, by: Principal, deps: TeamsDeps): Promise<void> {
  const { id } = proposal;
  await mustBeFree(id, deps);
  const ids = proposal.agents.map((agent) => agent.id);
  if (new Set(ids).size !== ids.length) throw new HoldfastError('bad-request', 'Two members have the same name.');
  if (proposal.lead !== null && !ids.some((member) => member === proposal.lead))
    throw new HoldfastError('bad-request', `The lead ${proposal.lead} is no member.`);
  const made = [];
  for (const [index, agent] of proposal.agents.entries()) {
    const others = ids.filter((member) => member !== agent.id);
    const own = { ...ownPermissions(agent.id), ...agent.permissions };
    const input = CreateAgent.parse({
      ...{ id: agent.id, title: agent.title, role: agent.role, description: agent.description },
      ...{ tools: agent.tools, schedule: agent.schedule },
      permissions: joined(permissionsFrom(own), id, others),
      files: filesOf(agent),
    });
    // The first one asks for room for all.
    made.push(await deps.room.agents.prepare(input, by, { room: index === 0 ? ids.length : 0, team: id }));
  }
  const at = deps.clock.now();
  const { title, description, template, lead } = proposal;
  const row: TeamsTable = {
    id,
    title,
    description,
    template,
    lead,
    status: 'active',
    revision: 1,
    created_at: at,
    updated_at: at,
  };
  const statements = [
    ...roomForTeam(deps),
    toStatement(deps.sql.insertInto('teams').values(row)),
    await deps.files.version(id, proposal.team_md, by),
    ...made.flatMap((one) => one.statements),
  ];
  try {
    await deps.journal.append([teamEvent(id, 'created'), ...made.map((one) => one.event)], statements);
  } catch (thrown) {
    throw await refusal(thrown, ids.length, deps);
  }
  await deps.files.materialise(id);
  for (const member of ids) await deps.room.personas.materialise(member);
}

function filesOf(agent: TeamProposal['agents'][number]): Record<string, string> {
  const all = {
    'INSTRUCTIONS.md': agent.instructions,
    'SOUL.md': agent.soul,
    'HEARTBEAT.md': agent.heartbeat,
    'INTERFACE.md': agent.interface,
  };
  return Object.fromEntries(Object.entries(all).filter(([, text]) => text !== ''));
}

async function mustBeFree(id: string, { store, sql }: TeamsDeps): Promise<void> {
  const team = await readOne(store, sql.selectFrom('teams').select('id').where('id', '=', id));
  const agent = await readOne(store, sql.selectFrom('agents').select('id').where('id', '=', id));
  const why = RESERVED_NAMES.includes(id)
    ? 'is reserved'
    : team
      ? 'is or was a team’s'
      : agent
        ? 'is or was an agent’s'
        : '';
  if (why !== '') throw new HoldfastError('conflict', `The name ${id} ${why}.`, { remedy: 'Choose another name.' });
}

function roomForTeam({ sql, limits }: TeamsDeps): Statement[] {
  if (limits.maxTeams === undefined) return [];
  const teams = sql
    .selectFrom('teams')
    .select((row) => row.fn.countAll().as('n'))
    .where('status', '=', 'active');
  const guard = sql.updateTable('agents').set({ kind: 'operator' }).where('id', '=', OPERATOR);
  return [toStatement(guard.where(teams, '<=', limits.maxTeams - 1), { expectRows: 1 })];
}

async function refusal(thrown: unknown, count: number, { limits, store, sql }: TeamsDeps): Promise<unknown> {
  const { code } = HoldfastError.from(thrown);
  if (code === 'conflict')
    return new HoldfastError('conflict', 'A name of this team is taken by now.', { cause: thrown });
  if (code !== 'storage.guard-failed') return thrown;
  const teams = await readAll(store, sql.selectFrom('teams').select('id').where('status', '=', 'active'));
  if (limits.maxTeams !== undefined && teams.length >= limits.maxTeams) {
    return new HoldfastError(
      'forbidden',
      `This installation may have ${limits.maxTeams} teams and has ${teams.length}.`,
      {
        remedy: 'Remove one, or raise limits.maxTeams in config.json (HOLDFAST_MAX_TEAMS).',
      },
    );
  }
  return new HoldfastError(
    'forbidden',
    `There is no room for ${count} more agents (limits.maxAgents ${limits.maxAgents}).`,
    {
      remedy: 'Archive some, or raise limits.maxAgents in config.json (HOLDFAST_MAX_AGENTS).',
    },
  );
}

interface Move {
  readonly by: Principal;
  readonly deps: TeamsDeps;
  /** Of the team that is joined or left, before. */
  readonly members: readonly Agent[];
}

/** Members that leave, and what the others held because of them. */
function leaving(agents: readonly Agent[], { by, deps, members }: Move) {
  const made = { kind: 'updated', by } as const;
  const gone = agents.map((agent) => agent.id);
  return members.map((agent) => {
    const team = agent.team ?? '';
    const leaves = gone.includes(agent.id);
    const names = leaves ? members.map((one) => one.id).filter((id) => id !== agent.id) : gone;
    const permissions = leaves ? left(agent.permissions, team, names) : withoutNames(agent, names);
    return deps.room.agents.change(agent, { permissions, ...(leaves ? { team: null } : {}) }, made);
  });
}

const withoutNames = ({ permissions }: Agent, names: readonly string[]) => ({
  ...permissions,
  can_message: permissions.can_message.filter((name) => !names.includes(name)),
});

async function move(agents: readonly Agent[], { to, ...move }: Move & { to: string | null }): Promise<void> {
  const { by, deps, members } = move;
  const made = { kind: 'updated', by } as const;
  const ids = [...members, ...agents].map((agent) => agent.id);
  const changes =
    to === null
      ? leaving(agents, move)
      : [...members, ...agents].map((agent) => {
          const others = ids.filter((id) => id !== agent.id);
          return deps.room.agents.change(agent, { team: to, permissions: joined(agent.permissions, to, others) }, made);
        });
  const team = to ?? agents[0]?.team ?? '';
  const events = [teamEvent(team, 'updated'), ...changes.map((one) => one.event)];
  await deps.journal.append(
    events,
    changes.flatMap((one) => one.statements),
  );
}

async function write(
  row: TeamsTable,
  change: Partial<TeamsTable> | EditTeam,
  { journal, sql, clock }: TeamsDeps,
): Promise<void> {
  const { title = row.title, description = row.description, lead = row.lead } = change;
  const update = sql
    .updateTable('teams')
    .set({ title, description, lead, revision: row.revision + 1, updated_at: clock.now() })
    .where('id', '=', row.id)
    .where('revision', '=', row.revision);
  await journal.append([teamEvent(row.id, 'updated')], [toStatement(update, { expectRows: 1 })]);
}

const teamEvent = (teamId: string, change: 'created' | 'updated' | 'removed') =>
  ({ event: { type: 'team.changed', teamId, change } }) as const;

function toView(row: TeamsTable, members: readonly Agent[]): TeamView {
  return {
    id: row.id,
    title: row.title,
    description: row.description,
    template: row.template,
    lead: row.lead,
    members: members.map(({ id, title, role, status }) => ({ id, title, role, status })),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
