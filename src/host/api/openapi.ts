import type { Hono } from 'hono';
import * as api from '../../protocol/api.ts';
import { ApprovalCard } from '../../protocol/decision.ts';
import { JournalEvent } from '../../protocol/event.ts';
import { JsonValue } from '../../protocol/json.ts';
import { BudgetView, VaultStatus } from '../../protocol/vault-api.ts';
import type { ApiApp } from './api-env.ts';
import { EVENTS_PATH, EventsQuery } from './events/events-query.ts';
import { CSRF_HEADER, LOGIN_COOKIE } from './guard.ts';
import { refusalComponents, refusals } from './refusals.ts';

/** Names that schemas get in the document. `JsonValue` must be among them: it contains itself. */
const SCHEMAS = {
  JsonValue,
  JournalEvent,
  ApprovalCard,
  BudgetView,
  VaultStatus,
  AgentView: api.AgentView,
  WorkerTemplateView: api.WorkerTemplateView,
  SendMessage: api.SendMessage,
  MessageView: api.MessageView,
  SessionView: api.SessionView,
  RunView: api.RunView,
  EventView: api.EventView,
  ApprovalView: api.ApprovalView,
  ArtifactView: api.ArtifactView,
  SandboxStatus: api.SandboxStatus,
  StatusView: api.StatusView,
  TokenView: api.TokenView,
  StreamMessage: api.StreamMessage,
  ErrorReply: api.ErrorReply,
};

export function registerSchemas(app: ApiApp): void {
  for (const [name, schema] of Object.entries(SCHEMAS)) app.openAPIRegistry.register(name, schema);
  for (const { name, response } of refusalComponents()) {
    app.openAPIRegistry.registerComponent('responses', name, { description: '', ...response });
  }
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description: 'A token from POST /api/tokens or `holdfast token create`.',
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'login', {
    type: 'apiKey',
    in: 'cookie',
    name: LOGIN_COOKIE,
    description: `The cookie of a browser. Changes also need the header ${CSRF_HEADER} from GET /api/session.`,
  });
}

/** Routes that are no JSON calls of `Control`, described by hand. */
export function describeOtherRoutes(app: ApiApp): void {
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: EVENTS_PATH,
    operationId: 'getEvents',
    tags: ['events'],
    summary: 'WebSocket: stored events after `after`, then `caught-up`, then events as they happen.',
    description:
      'Every message is a StreamMessage. Without `after` only new events come. Close codes: 4008 too slow (resume with the ' +
      'last seq), 4009 unknown seq, 1008 signed out, 1001 the host is stopping.',
    request: { query: EventsQuery },
    responses: { 101: { description: 'The stream of StreamMessage.' }, ...refusals([400, 426]) },
  });
  for (const [path, summary] of [
    ['/healthz', 'Says `{"ok":true}` while the host runs. Needs no login.'],
    ['/openapi.json', 'This document. Needs no login.'],
  ] as const) {
    app.openAPIRegistry.registerPath({
      method: 'get',
      path,
      operationId: path === '/healthz' ? 'getHealth' : 'getOpenApi',
      tags: ['system'],
      summary,
      security: [],
      responses: { 200: { description: 'Done.', content: { 'application/json': { schema: { type: 'object' } } } } },
    });
  }
}

/** The document, made once. */
export function openApiDocument(app: ApiApp, options: { version: string; url: string }): object {
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Holdfast',
      version: options.version,
      description: 'The API of one Holdfast host. Errors are ErrorReply; times are Unix milliseconds; money is USD.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ url: options.url }],
    security: [{ token: [] }, { login: [] }],
  });
}

/** `GET /api/…` paths that the router knows, for the test that compares them with the document. */
export function routedPaths(app: Pick<Hono, 'routes'>): string[] {
  const paths = app.routes
    .filter(({ method, path }) => method !== 'ALL' && path !== '*' && path !== '/*')
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
  return [...new Set(paths)];
}
