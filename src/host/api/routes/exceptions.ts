import { FlowException, NewFlowException } from '../../../protocol/flow.ts';
import type { FlowExceptions } from '../../labels/exceptions.ts';
import type { ApiApp } from '../api-env.ts';
import { requireOwner } from '../owner-only.ts';
import { IdParams } from '../query.ts';
import { jsonRoute } from '../route.ts';

/** The owner's exceptions from the rules of labels. A program with a token can see them and change nothing. */
export function exceptionRoutes(app: ApiApp, exceptions: FlowExceptions): void {
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/policy/exceptions',
      summary: 'Exceptions from the rules of labels that hold now, newest first.',
      reply: FlowException.array(),
    },
    () => exceptions.holding(),
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/policy/exceptions',
      summary: 'Lets text of one origin lead one agent to one sink for a while. Only the owner.',
      body: NewFlowException,
      reply: FlowException,
    },
    ({ body, caller }) => exceptions.add(body, requireOwner(caller.principal, 'Exceptions are made')),
  );
  jsonRoute(
    app,
    {
      method: 'delete',
      path: '/api/policy/exceptions/{id}',
      summary: 'Ends an exception. Only the owner.',
      params: IdParams,
      reply: FlowException,
      refuses: [404],
    },
    ({ params, caller }) => exceptions.remove(params.id, requireOwner(caller.principal, 'Exceptions are ended')),
  );
}
