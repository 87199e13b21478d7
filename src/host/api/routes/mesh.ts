import { z } from 'zod';
import { MessageView } from '../../../protocol/api.ts';
import { HoldfastError } from '../../../protocol/error.ts';
import { OWNER_LABEL } from '../../../protocol/label.ts';
import { BlackboardEntry, Broadcast, TaskView, WriteBlackboard } from '../../../protocol/mesh.ts';
import type { Agents } from '../../agents/agents.ts';
import type { Control } from '../../control.ts';
import { labels } from '../../labels/stored-label.ts';
import type { Mesh } from '../../mesh/create-mesh.ts';
import type { BlackboardTable, TasksTable } from '../../mesh/tables.ts';
import type { ApiApp } from '../api-env.ts';
import type { ApiFeature } from '../app.ts';
import { IdParams, limit } from '../query.ts';
import { jsonRoute } from '../route.ts';

export interface MeshRoutesDeps {
  readonly mesh: Mesh;
  readonly agents: Agents;
  readonly control: Pick<Control, 'send'>;
}

const Done = z.object({ done: z.literal(true) });
const OneKey = z.object({ key: z.string().min(1).max(512) });

/** What agents share, as people see and mend it. */
export function meshRoutes(deps: MeshRoutesDeps): ApiFeature {
  return (app) => {
    blackboardRoutes(app, deps.mesh);
    taskRoutes(app, deps.mesh);
    broadcastRoute(app, deps);
  };
}

function blackboardRoutes(app: ApiApp, { blackboard, notices, news }: Mesh): void {
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/blackboard',
      summary: 'Keys of the blackboard that begin so, by key.',
      query: z.object({ prefix: z.string().max(512).default(''), limit: limit(100) }),
      reply: BlackboardEntry.array(),
    },
    async ({ query }) => (await blackboard.list(query.prefix, query.limit)).map(toEntry),
  );
  jsonRoute(
    app,
    {
      method: 'put',
      path: '/api/blackboard',
      summary: 'Writes a key. Refused when it is not in the version that is named.',
      body: WriteBlackboard,
      reply: BlackboardEntry,
      refuses: [409],
    },
    async ({ body, caller }) => {
      const by = caller.principal.id;
      const row = await blackboard.write({ ...body, by, label: OWNER_LABEL }, await news(body.key, by));
      await notices.deliver();
      return toEntry(row);
    },
  );
  jsonRoute(
    app,
    {
      method: 'delete',
      path: '/api/blackboard',
      summary: 'Removes a key. History stays.',
      query: OneKey,
      reply: Done,
      refuses: [409],
    },
    async ({ query, caller }) => {
      await blackboard.remove(query.key, caller.principal.id);
      return { done: true as const };
    },
  );
}

function taskRoutes(app: ApiApp, { tasks, flow }: Mesh): void {
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/tasks',
      summary: 'Work items that agents handed to each other, the most urgent first.',
      query: z.object({
        assignee: z.string().max(64).optional(),
        creator: z.string().max(64).optional(),
        team: z.string().max(64).optional(),
        open: z.stringbool().optional(),
        limit: limit(100),
      }),
      reply: TaskView.array(),
    },
    async ({ query }) => (await tasks.list(query)).map(toView),
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/tasks/{id}/cancel',
      summary: 'Takes a task back; whoever works on it is stopped.',
      params: IdParams,
      body: z.strictObject({ reason: z.string().max(2_000).default('') }),
      reply: TaskView,
      refuses: [404, 409],
    },
    async ({ params, body, caller }) => {
      const text = body.reason === '' ? `Taken back by ${caller.principal.id}.` : body.reason;
      await flow.cancel(await tasks.get(params.id), { text, label: OWNER_LABEL });
      return toView(await tasks.get(params.id));
    },
  );
}

function broadcastRoute(app: ApiApp, { agents, control }: MeshRoutesDeps): void {
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/broadcast',
      summary:
        'Says the same to several agents. Each answers in its own session; the event stream carries the answers.',
      body: Broadcast,
      reply: MessageView.array(),
      refuses: [404],
    },
    async ({ body, caller }) => {
      const ids = body.agents ?? (await agents.list()).filter(isReached).map((agent) => agent.id);
      if (ids.length === 0)
        throw new HoldfastError('conflict', 'There is no agent to say it to.', {
          remedy: 'holdfast agents add <name>',
        });
      for (const id of ids) await agents.active(id);
      return await Promise.all(ids.map((id) => control.send(id, { text: body.text }, caller.principal)));
    },
  );
}

const isReached = (agent: { kind: string; status: string }): boolean =>
  agent.kind === 'agent' && agent.status === 'active';

const toEntry = (row: BlackboardTable): BlackboardEntry => ({
  key: row.key,
  value: JSON.parse(row.value),
  version: row.version,
  writtenBy: row.written_by,
  label: labels.rejoin(row.label),
  updatedAt: row.updated_at,
  expiresAt: row.expires_at,
});

const toView = (row: TasksTable): TaskView => ({
  id: row.id,
  state: row.state,
  creator: row.creator,
  assignee: row.assignee,
  team: row.team,
  summary: row.summary,
  brief: row.brief,
  note: row.note,
  result: row.result,
  outcome: row.outcome,
  parentId: row.parent_id,
  runId: row.run_id,
  priority: row.priority,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  finishedAt: row.finished_at,
});
