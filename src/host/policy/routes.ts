import { Explanation } from '../../protocol/explanation.ts';
import { TryPolicy, TryResult } from '../../protocol/policy-change.ts';
import { ExplainQuery, PolicyView } from '../../protocol/policy-view.ts';
import type { ApiFeature } from '../api/app.ts';
import { IdParams } from '../api/query.ts';
import { jsonRoute } from '../api/route.ts';
import type { PolicyDesk } from './policy-desk.ts';
import type { TimeMachine } from './time-machine.ts';

export function policyRoutes(desk: PolicyDesk, machine: TimeMachine): ApiFeature {
  return (app) => {
    jsonRoute(
      app,
      {
        method: 'get',
        path: '/api/policy/explain',
        summary: 'Why the gate would allow, ask about or refuse something, and what would change it.',
        query: ExplainQuery,
        reply: Explanation,
        refuses: [404],
      },
      ({ query }) => desk.explain(query),
    );
    jsonRoute(
      app,
      {
        method: 'get',
        path: '/api/policy/agents/{id}',
        summary: 'The rules that hold for one agent now, and for the workers it could start.',
        params: IdParams,
        reply: PolicyView,
        refuses: [404],
      },
      ({ params }) => desk.show(params.id),
    );
    jsonRoute(
      app,
      {
        method: 'post',
        path: '/api/policy/try',
        summary: 'Which decisions of the last days a change of the rules would have made otherwise. Nothing is saved.',
        body: TryPolicy,
        reply: TryResult,
        refuses: [404],
      },
      ({ body }) => machine.try(body),
    );
  };
}
