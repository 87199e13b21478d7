import type { ApiApp } from './api-env.ts';
import { EVENTS_PATH, EventsQuery } from './events/events-query.ts';
import { CSRF_HEADER, LOGIN_COOKIE } from './guard.ts';
import { refusalComponents, refusals } from './refusals.ts';
import { namedSchemas } from './schema-names.ts';

function registerSchemas(app: ApiApp): void {
  for (const [name, schema] of Object.entries(namedSchemas())) {
    app.openAPIRegistry.registerComponent('schemas', name, schema);
  }
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

/** The document. To be made once, and only when somebody asks: turning the schemas takes longer than the rest of the app. */
export function openApiDocument(app: ApiApp, options: { version: string; url: string }): object {
  registerSchemas(app);
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
