import { Explanation } from '../../protocol/explanation.ts';
import { ExplainQuery, PolicyView } from '../../protocol/policy-view.ts';
import type { ApiFeature } from '../api/app.ts';
import { IdParams } from '../api/query.ts';
import { jsonRoute } from '../api/route.ts';
import type { PolicyDesk } from './policy-desk.ts';

export function policyRoutes(desk: PolicyDesk): ApiFeature {
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
  };
}
