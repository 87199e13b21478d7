import { z } from 'zod';
import { ApprovalView, DecideApproval, EventView, RunView } from '../../../protocol/api.ts';
import type { Control } from '../../control.ts';
import type { ApiApp } from '../api-env.ts';
import { bounded, IdParams, limit, OptionalId } from '../query.ts';
import { jsonRoute } from '../route.ts';

const RunsQuery = z.object({
  agentId: OptionalId,
  sessionId: OptionalId,
  parentRunId: OptionalId,
  /** `true`: only runs that have not ended; `false`: only ended ones. */
  active: z.enum(['true', 'false']).optional(),
  limit: limit(50),
});

export function runRoutes(app: ApiApp, control: Control): void {
  jsonRoute(
    app,
    { method: 'get', path: '/api/runs', summary: 'Runs, newest first.', query: RunsQuery, reply: RunView.array() },
    ({ query, viewer }) => control.runs({ ...filterOf(query), viewer }),
  );
  jsonRoute(
    app,
    { method: 'get', path: '/api/runs/{id}', summary: 'One run.', params: IdParams, reply: RunView, refuses: [404] },
    ({ params }) => control.run(params.id),
  );
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/runs/{id}/events',
      summary: 'The journal of a run after a sequence number, oldest first.',
      params: IdParams,
      query: z.object({ after: z.coerce.number().int().min(0).default(0), limit: limit(200) }),
      reply: EventView.array(),
      refuses: [404],
    },
    async ({ params, query }) => {
      const { id } = await control.run(params.id);
      return control.events({ runId: id, after: query.after, limit: query.limit });
    },
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/runs/{id}/cancel',
      summary: 'Cancels a run and the workers it started.',
      params: IdParams,
      reply: RunView,
      refuses: [404, 409],
    },
    ({ params, caller }) => control.cancelRun(params.id, caller.principal),
  );
}

export function approvalRoutes(app: ApiApp, control: Control): void {
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/approvals',
      summary: 'Approvals, newest first.',
      query: z.object({ state: z.enum(['pending', 'all']).default('pending') }),
      reply: ApprovalView.array(),
    },
    async ({ query, caller, viewer }) => bounded(await control.approvals(query.state, caller.principal, viewer)),
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/approvals/{id}',
      summary: 'Decides an approval. The first answer wins; a later one is refused with who decided.',
      params: IdParams,
      body: DecideApproval,
      reply: ApprovalView,
      refuses: [404, 409],
    },
    ({ params, body, caller }) =>
      control.decideApproval(params.id, body.decision, { ...caller.principal, grant: body.grant }),
  );
}

function filterOf({ active, limit: most, ...ids }: z.output<typeof RunsQuery>): Parameters<Control['runs']>[0] {
  const { agentId, sessionId, parentRunId } = ids;
  return {
    limit: most,
    ...(agentId === undefined ? {} : { agentId }),
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(parentRunId === undefined ? {} : { parentRunId }),
    ...(active === undefined ? {} : { active: active === 'true' }),
  };
}
