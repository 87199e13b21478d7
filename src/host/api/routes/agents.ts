import {
  AgentView,
  DoctorProbe,
  MessageView,
  SendMessage,
  StatusView,
  WorkerTemplateView,
} from '../../../protocol/api.ts';
import { BudgetView } from '../../../protocol/vault-api.ts';
import type { Control } from '../../control.ts';
import type { ApiApp } from '../api-env.ts';
import { bounded, IdParams } from '../query.ts';
import { jsonRoute } from '../route.ts';

export function agentRoutes(app: ApiApp, control: Control): void {
  jsonRoute(
    app,
    { method: 'get', path: '/api/status', summary: 'How Holdfast is doing.', reply: StatusView },
    ({ viewer }) => control.status(viewer),
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/doctor',
      summary: 'Probes every part for real (a sandbox writes a file, the model answers) and names what is broken.',
      reply: DoctorProbe.array(),
    },
    () => control.doctor(),
  );
  jsonRoute(
    app,
    { method: 'get', path: '/api/agents', summary: 'All agents.', reply: AgentView.array() },
    async ({ viewer }) => bounded(await control.agents(viewer)),
  );
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/agents/{id}',
      summary: 'One agent.',
      params: IdParams,
      reply: AgentView,
      refuses: [404],
    },
    ({ params, viewer }) => control.agent(params.id, viewer),
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/agents/{id}/messages',
      summary: 'Sends a message. It is stored before the reply; the same clientMessageId gives the same message.',
      params: IdParams,
      body: SendMessage,
      reply: MessageView,
      refuses: [404, 409],
    },
    ({ params, body, caller }) => control.send(params.id, body, caller.principal),
  );
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/worker-templates',
      summary: 'The kinds of workers that agents can start.',
      reply: WorkerTemplateView.array(),
    },
    async () => bounded(await control.workerTemplates()),
  );
  jsonRoute(
    app,
    { method: 'get', path: '/api/budgets', summary: 'Caps and spending per agent.', reply: BudgetView.array() },
    async () => bounded(await control.budgets()),
  );
}
