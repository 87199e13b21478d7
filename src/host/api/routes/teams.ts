import { z } from 'zod';
import {
  EditTeam,
  MAX_TEAM_FILE,
  PreviewTeam,
  TeamProposal,
  TeamTemplateView,
  TeamView,
} from '../../../protocol/team.ts';
import { toTeamTemplateView } from '../../teams/team-templates.ts';
import type { Teams } from '../../teams/teams.ts';
import type { ApiApp } from '../api-env.ts';
import { bounded, IdParams } from '../query.ts';
import { jsonRoute } from '../route.ts';

const Done = z.object({ done: z.literal(true) });
const Member = z.strictObject({ agent: z.string().min(1).max(64) });
const MemberParams = IdParams.extend({ agent: z.string().min(1).max(64) });

/** Teams: a preview makes nothing; what is sent back is made whole or not at all. */
export function teamRoutes(app: ApiApp, teams: Teams): void {
  makingRoutes(app, teams);
  memberRoutes(app, teams);
}

function makingRoutes(app: ApiApp, teams: Teams): void {
  jsonRoute(
    app,
    { method: 'get', path: '/api/team-templates', summary: 'Kinds of teams.', reply: TeamTemplateView.array() },
    async () => teams.templates.map(toTeamTemplateView),
  );
  jsonRoute(app, { method: 'get', path: '/api/teams', summary: 'All teams.', reply: TeamView.array() }, async () =>
    bounded(await teams.list()),
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/teams/preview',
      summary: 'A team from a template or from words, as it would be made. Nothing is made.',
      body: PreviewTeam,
      reply: TeamProposal,
      refuses: [404],
    },
    ({ body }) => teams.preview(body),
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/teams',
      summary: 'Makes a team as previewed, all of it or nothing. 403 beyond limits.maxTeams or limits.maxAgents.',
      body: TeamProposal,
      reply: TeamView,
      refuses: [403, 409],
    },
    ({ body, caller }) => teams.create(body, caller.principal),
  );
}

function memberRoutes(app: ApiApp, teams: Teams): void {
  const params = IdParams;
  jsonRoute(
    app,
    { method: 'get', path: '/api/teams/{id}', summary: 'One team.', params, reply: TeamView, refuses: [404] },
    ({ params: { id } }) => teams.get(id),
  );
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/teams/{id}/file',
      summary: 'The team’s TEAM.md.',
      params,
      reply: z.object({ text: z.string().max(MAX_TEAM_FILE) }),
      refuses: [404],
    },
    async ({ params: { id } }) => ({ text: await teams.file(id) }),
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/teams/{id}',
      summary: 'Changes a team’s title, description, lead or TEAM.md.',
      params,
      body: EditTeam,
      reply: TeamView,
      refuses: [404, 409],
    },
    ({ params: { id }, body, caller }) => teams.edit(id, body, caller.principal),
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/teams/{id}/members',
      summary: 'Makes an agent a member.',
      params,
      body: Member,
      reply: TeamView,
      refuses: [403, 404, 409],
    },
    ({ params: { id }, body, caller }) => teams.join(id, body.agent, caller.principal),
  );
  jsonRoute(
    app,
    {
      method: 'delete',
      path: '/api/teams/{id}/members/{agent}',
      summary: 'Lets a member leave.',
      params: MemberParams,
      reply: TeamView,
      refuses: [404],
    },
    ({ params: { id, agent }, caller }) => teams.leave(id, agent, caller.principal),
  );
  jsonRoute(
    app,
    {
      method: 'delete',
      path: '/api/teams/{id}',
      summary: 'Dissolves a team; its members stay without one, or are archived.',
      params,
      query: z.object({ archive: z.stringbool().default(false) }),
      reply: Done,
      refuses: [404],
    },
    async ({ params: { id }, query, caller }) => {
      await teams.remove(id, caller.principal, { archiveMembers: query.archive });
      return { done: true as const };
    },
  );
}
