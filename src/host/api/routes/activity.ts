import { z } from 'zod';
import { PlanView } from '../../../protocol/plan.ts';
import { type ActivityDeps, readActivity } from '../../fleet/activity.ts';
import type { Plans } from '../../plans/plans.ts';
import type { ApiApp } from '../api-env.ts';
import { limit, OptionalId } from '../query.ts';
import { jsonRoute } from '../route.ts';

const ActivityView = z.object({
  runs: z.array(
    z.object({
      run: z.string(),
      agent: z.string(),
      kind: z.string(),
      template: z.string().nullable(),
      state: z.string(),
      waiting_for: z.string().nullable(),
      title: z.string(),
      steps: z.number(),
      cost_usd: z.number(),
      since: z.string(),
    }),
  ),
  approvals: z.number(),
  agents: z.object({ active: z.number(), archived: z.number() }),
});

/** Who is doing what, and what they mean to do. */
export function activityRoutes(app: ApiApp, deps: ActivityDeps & { readonly plans: Plans }): void {
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/activity',
      summary: 'Who is doing what: every run that is not over, newest first.',
      query: z.object({ agentId: OptionalId }),
      reply: ActivityView,
    },
    async ({ query }) => {
      const activity = await readActivity(deps, query.agentId);
      return { ...activity, runs: activity.runs.map((run) => ({ ...run })), agents: { ...activity.agents } };
    },
  );
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/plans',
      summary: 'Plans of agents, newest first.',
      query: z.object({ agentId: OptionalId, open: z.stringbool().default(false), limit: limit(100) }),
      reply: PlanView.array(),
    },
    async ({ query }) => await deps.plans.list({ ...query, agentId: query.agentId }),
  );
}
