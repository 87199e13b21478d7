import { z } from 'zod';
import { permissionsFrom } from '../../policy/meet.ts';
import { judgeEdit } from '../../policy/operator-ceiling.ts';
import { TeamId } from '../../protocol/agent.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import { NO_PERMISSIONS } from '../../protocol/permission.ts';
import { PreviewTeam, TeamProposal } from '../../protocol/team.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import type { Agents } from '../agents/agents.ts';
import { described } from '../tools/light-schema.ts';
import type { AnyTool, Tool, ToolCaller } from '../tools/tool.ts';
import type { Teams } from './teams.ts';

const CONTROL = { risk: 'control', idempotent: false, parallel: false, deferred: true } as const;
const Propose = z.strictObject({
  id: TeamId,
  description: z.string().min(3).max(4_000).optional().describe('What the team is for, in words'),
  template: z.string().optional().describe('Or the id of a template'),
});
const Create = z.strictObject({ proposal: described(TeamProposal, 'What propose_team returned, changed as wanted') });
const Member = z.strictObject({ team: z.string().min(1), agent: z.string().min(1) });
const Ref = z.strictObject({ team: z.string().min(1) });

/** How an agent that may makes teams. A team is always asked of a person, with every member and what it may do. */
export function createTeamTools({ teams, agents }: { teams: Teams; agents: Agents }): AnyTool[] {
  return [
    proposeTool(teams),
    createTool(teams),
    memberTool(teams, 'add_team_member'),
    memberTool(teams, 'remove_team_member'),
    listTool(teams, agents),
    removeTool(teams),
  ];
}

function proposeTool(teams: Teams): Tool<z.infer<typeof Propose>> {
  return {
    ...CONTROL,
    idempotent: true,
    name: 'propose_team',
    description:
      'Drafts a team from words or from a template. Nothing is made: create_team makes it, after the owner said yes.',
    input: Propose,
    async execute(input) {
      return json((await teams.preview(PreviewTeam.parse(input))) as unknown as JsonValue);
    },
  };
}

function createTool(teams: Teams): Tool<z.infer<typeof Create>> {
  return {
    ...CONTROL,
    name: 'create_team',
    description: 'Makes the team that propose_team drafted, all of it or nothing. The owner is asked.',
    input: Create,
    async resources({ proposal }, caller) {
      mayGive(proposal, caller);
      const members = proposal.agents.map((agent) => {
        const given = Object.entries(agent.permissions).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
        return `${agent.id} (${[...agent.tools, ...given, ...(agent.schedule === null ? [] : [`wakes ${agent.schedule}`])].join(', ')})`;
      });
      return [{ kind: 'fleet', act: 'team.create', target: `${proposal.id}: ${members.join('; ')}`, widens: true }];
    },
    async execute({ proposal }, { agentId }) {
      return json((await teams.create(proposal, { id: agentId, surface: 'agent' })) as unknown as JsonValue);
    },
  };
}

/** What only a person may give is not given by a team either. */
function mayGive(proposal: TeamProposal, { permissions = NO_PERMISSIONS }: ToolCaller): void {
  for (const agent of proposal.agents) {
    const after = permissionsFrom(agent.permissions);
    const { never } = judgeEdit({ before: NO_PERMISSIONS, after, own: permissions });
    if (never.length > 0) {
      throw new HoldfastError('tool.bad-input', `Only the owner can give ${agent.id} this: ${never.join(', ')}.`);
    }
  }
}

function memberTool(teams: Teams, name: 'add_team_member' | 'remove_team_member'): Tool<z.infer<typeof Member>> {
  const joins = name === 'add_team_member';
  return {
    ...CONTROL,
    name,
    description: joins
      ? 'Makes an agent a member of a team, whose blackboard and members it then reaches. The owner is asked.'
      : 'Lets an agent leave its team.',
    input: Member,
    resources: async ({ team, agent }) => [
      { kind: 'fleet', act: joins ? 'team.join' : 'team.leave', target: `${team}: ${agent}`, widens: joins },
    ],
    async execute({ team, agent }, { agentId }) {
      const by = { id: agentId, surface: 'agent' };
      const view = joins ? await teams.join(team, agent, by) : await teams.leave(team, agent, by);
      return json({ team: view.id, members: view.members.map((member) => member.id) });
    },
  };
}

function listTool(teams: Teams, agents: Agents): Tool<Record<string, never>> {
  return {
    ...CONTROL,
    idempotent: true,
    parallel: true,
    name: 'list_teams',
    description: 'Teams with their members: your own, or all for the operator. And the templates there are.',
    input: z.strictObject({}),
    async execute(_input, { agentId }) {
      const caller = await agents.get(agentId);
      const all = (await teams.list()).filter((team) => caller.kind === 'operator' || team.id === caller.team);
      const shown = all.map(({ id, title, lead, members }) => ({
        team: id,
        title,
        lead,
        members: members.map((one) => one.id),
      }));
      return json({ teams: shown, templates: teams.templates.map(({ id, description }) => ({ id, description })) });
    },
  };
}

function removeTool(teams: Teams): Tool<z.infer<typeof Ref>> {
  return {
    ...CONTROL,
    name: 'remove_team',
    description: 'Dissolves a team; its members stay without one. The owner is asked.',
    input: Ref,
    resources: async ({ team }) => [{ kind: 'fleet', act: 'team.remove', target: team, widens: true }],
    async execute({ team }, { agentId }) {
      await teams.remove(team, { id: agentId, surface: 'agent' });
      return json({ removed: team });
    },
  };
}

function json(data: JsonValue): ToolOutcome {
  return { status: 'ok', text: JSON.stringify(data, undefined, 2), data, label: SYSTEM_LABEL };
}
