import { OpenAPIHono } from '@hono/zod-openapi';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { Access } from '../access/access.ts';
import type { Authorize } from '../access/authorize.ts';
import type { Control } from '../control.ts';
import type { ApiApp, ApiEnv } from './api-env.ts';
import { dashboardRoutes } from './dashboard.ts';
import { errorAnswer, errorResponse } from './error-reply.ts';
import { EVENTS_PATH } from './events/events-query.ts';
import type { Guard } from './guard.ts';
import type { ApiLimits } from './limits.ts';
import { loginPage } from './login-page.ts';
import { createMessageWaiter } from './message-waiter.ts';
import { describeOtherRoutes, openApiDocument } from './openapi.ts';
import type { Origins } from './origins.ts';
import { refuseDeclaredSize } from './request-body.ts';
import { factsOf } from './request-facts.ts';
import { accessRoutes } from './routes/access.ts';
import { agentRoutes } from './routes/agents.ts';
import { backupRoutes } from './routes/backup.ts';
import { contentRoutes } from './routes/content.ts';
import { approvalRoutes, runRoutes } from './routes/runs.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { CONTENT_POLICY, SECURITY_HEADERS } from './security-headers.ts';
import { createStaticFiles } from './static-files.ts';
import { checkRate, type EndpointRates } from './too-often.ts';

export interface AppDeps {
  readonly control: Control;
  readonly access: Access;
  readonly guard: Guard;
  readonly origins: Origins;
  readonly limits: ApiLimits;
  readonly log: Logger;
  readonly clock: Clock;
  readonly webRoot: string;
  readonly version: string;
  /** Absent: nobody counts. */
  readonly rates?: EndpointRates;
  /** Makes a copy of the database and answers with its path; absent where there is nothing to back up. */
  readonly copyDatabase?: () => Promise<string>;
  /** Routes that other rooms bring: each takes its own service. */
  readonly features: readonly ApiFeature[];
  readonly authorize: Authorize;
  readonly checkCode?: ((person: string, code: string) => Promise<void>) | undefined;
}

export type ApiFeature = (app: ApiApp) => void;

/** Every route of the gateway except the WebSocket, which `events/upgrade.ts` takes over before it gets here. */
export function createApp(deps: AppDeps): ApiApp {
  const app = new OpenAPIHono<ApiEnv>();
  app.onError((error) => errorResponse(errorAnswer(error, deps.log)));
  guardEverything(app, deps);
  publicRoutes(app, deps);
  agentRoutes(app, deps.control);
  sessionRoutes(app, deps.control, createMessageWaiter(deps.control, deps.clock));
  runRoutes(app, deps.control);
  approvalRoutes(app, deps.control);
  contentRoutes(app, deps.control);
  accessRoutes(app, deps);
  for (const addRoutes of deps.features) addRoutes(app);
  if (deps.copyDatabase !== undefined) backupRoutes(app, deps.copyDatabase);
  app.get(EVENTS_PATH, () => {
    throw new HoldfastError('bad-request', `${EVENTS_PATH} speaks WebSocket.`, {
      remedy: 'Open it as a WebSocket, or page through GET /api/runs/{id}/events.',
    });
  });
  describeOtherRoutes(app);
  loginPage(app, deps);
  dashboardRoutes(app, { files: createStaticFiles(deps.webRoot), guard: deps.guard });
  app.notFound(() => {
    const error = new HoldfastError('not-found', 'There is no such route.', {
      remedy: 'GET /openapi.json lists them.',
    });
    return errorResponse(errorAnswer(error, deps.log));
  });
  return app;
}

/** In this order: headers on every reply, the address, the declared size, the caller, how often they came. */
function guardEverything(app: ApiApp, { guard, limits, rates, authorize }: AppDeps): void {
  app.use('*', async (context, next) => {
    await next();
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) context.res.headers.set(name, value);
    if (!context.res.headers.has('content-security-policy')) {
      context.res.headers.set('content-security-policy', CONTENT_POLICY);
    }
    if (!context.res.headers.has('cache-control')) context.res.headers.set('cache-control', 'no-store');
  });
  app.use('*', async (context, next) => {
    const facts = factsOf(context.env.incoming, context.env.door);
    guard.checkAddress(facts);
    refuseDeclaredSize(context.env.incoming, limits.bodyBytes);
    context.set('facts', facts);
    context.set('bodyBytes', limits.bodyBytes);
    context.set('authorize', authorize);
    await next();
  });
  app.use('/api/*', async (context, next) => {
    const caller = await guard.authenticate(context.get('facts'));
    context.set('caller', caller);
    checkRate(rates, caller.principal, context.req);
    await next();
  });
}

function publicRoutes(app: ApiApp, { origins, version }: AppDeps): void {
  let document: object | undefined;
  // Browsers ask for it on pages of ours that name no icon, such as the login; a 404 would stand in their console.
  app.get('/favicon.ico', (context) => context.body(null, 204));
  app.get('/healthz', (context) => context.json({ ok: true }));
  app.get('/openapi.json', (context) => {
    document ??= openApiDocument(app, { version, url: origins.url });
    return context.json(document);
  });
}
