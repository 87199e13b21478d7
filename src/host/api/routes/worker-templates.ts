import { z } from 'zod';
import { WorkerTemplateView } from '../../../protocol/api.ts';
import { toTemplateView } from '../../control/views.ts';
import type { WorkerTemplates } from '../../workers/template-store.ts';
import { WorkerTemplate } from '../../workers/templates.ts';
import type { ApiApp } from '../api-env.ts';
import { IdParams } from '../query.ts';
import { jsonRoute } from '../route.ts';

const Done = z.object({ done: z.literal(true) });
const done = { done: true } as const;

/** The owner's own worker templates. All of them are listed in `routes/agents.ts`. */
export function workerTemplateRoutes(app: ApiApp, templates: WorkerTemplates): void {
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/worker-templates',
      summary: 'Makes or changes a worker template of your own; counts from the next worker on.',
      body: WorkerTemplate,
      reply: WorkerTemplateView,
      refuses: [409],
    },
    async ({ body, caller }) => toTemplateView(await templates.put(body, caller.principal), true),
  );
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/worker-templates/problems',
      summary: 'Template files that cannot be used, and why.',
      reply: z.array(z.string()),
    },
    async () => {
      await templates.refresh();
      return [...templates.problems()];
    },
  );
  jsonRoute(
    app,
    {
      method: 'delete',
      path: '/api/worker-templates/{id}',
      summary: 'Removes a worker template of your own.',
      params: IdParams,
      reply: Done,
      refuses: [404],
    },
    async ({ params, caller }) => {
      await templates.remove(params.id, caller.principal);
      return done;
    },
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/worker-templates/{id}/undo',
      summary: 'Takes the last change of a worker template of your own back.',
      params: IdParams,
      reply: Done,
      refuses: [404],
    },
    async ({ params, caller }) => {
      await templates.undo(params.id, caller.principal);
      return done;
    },
  );
}
