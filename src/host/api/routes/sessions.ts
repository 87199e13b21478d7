import { z } from 'zod';
import { CreateSession, MessageView, SessionView } from '../../../protocol/api.ts';
import { mustBeOfKey } from '../../access/authorize.ts';
import type { Control } from '../../control.ts';
import type { ApiApp } from '../api-env.ts';
import type { MessageWaiter } from '../message-waiter.ts';
import { bounded, IdParams, limit, OptionalId } from '../query.ts';
import { jsonRoute } from '../route.ts';

const LONGEST_WAIT_MS = 60_000;

export function sessionRoutes(app: ApiApp, control: Control, waiter: MessageWaiter): void {
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/messages/{id}',
      summary: 'One message. With `wait` (ms) the reply comes when it has ended, or when the time is up.',
      params: IdParams,
      query: z.object({ wait: z.coerce.number().int().min(0).max(LONGEST_WAIT_MS).default(0) }),
      reply: MessageView,
      refuses: [404],
    },
    ({ params, query, signal }) => waiter.message(params.id, query.wait, signal),
  );
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/sessions',
      summary: 'Sessions, newest first.',
      query: z.object({ agentId: OptionalId }),
      reply: SessionView.array(),
      refuses: [404],
    },
    async ({ query, viewer }) => bounded(await control.sessions(query.agentId, viewer)),
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/sessions',
      summary: 'Starts a new session with an agent.',
      body: CreateSession,
      reply: SessionView,
      refuses: [404],
    },
    async ({ body, caller }) => {
      mustBeOfKey(caller.key, body.agentId);
      return await control.createSession(body.agentId, caller.principal);
    },
  );
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/sessions/{id}/history',
      summary: 'The last messages of a session, oldest first.',
      params: IdParams,
      query: z.object({ limit: limit(100) }),
      reply: MessageView.array(),
      refuses: [404],
    },
    ({ params, query }) => control.history(params.id, query.limit),
  );
}
