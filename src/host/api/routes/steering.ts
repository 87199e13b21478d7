import { z } from 'zod';
import { RunView } from '../../../protocol/api.ts';
import { LaneMode } from '../../../protocol/lane-mode.ts';
import { toRunView } from '../../control/views.ts';
import { labelOfPerson } from '../../people/person-label.ts';
import type { Steering } from '../../steering/steering.ts';
import type { ApiApp } from '../api-env.ts';
import { bounded, IdParams } from '../query.ts';
import { jsonRoute } from '../route.ts';

const Done = z.object({ done: z.literal(true) });

/** What can be done to work that is under way. */
export function steeringRoutes(app: ApiApp, steering: Steering): void {
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/runs/{id}/steer',
      summary: 'Puts a text before the next step of a run. Refused when the run is over.',
      params: IdParams,
      body: z.strictObject({ text: z.string().min(1).max(200_000) }),
      reply: Done,
      refuses: [404, 409],
    },
    async ({ params, body, caller }) => {
      const label = labelOfPerson(caller.person);
      await steering.steer(params.id, { source: 'user', text: body.text, label });
      return { done: true as const };
    },
  );
  jsonRoute(
    app,
    {
      method: 'put',
      path: '/api/sessions/{id}/mode',
      summary: 'What happens to messages that come while the agent works: queue, steer, collect or interrupt.',
      params: IdParams,
      body: z.strictObject({ mode: LaneMode }),
      reply: Done,
      refuses: [404],
    },
    async ({ params, body }) => {
      await steering.setMode(params.id, body.mode);
      return { done: true as const };
    },
  );
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/agents/{id}/queue',
      summary: 'What an agent works on and what waits for it, oldest first.',
      params: IdParams,
      reply: RunView.array(),
    },
    async ({ params }) => bounded((await steering.queue(params.id)).map(toRunView)),
  );
}
