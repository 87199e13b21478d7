import type { Context } from 'hono';
import type { ZodError, ZodObject, ZodType, z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';
import { ROUTE_RULES, type RouteRule } from '../access/route-rules.ts';
import type { ApiApp, ApiEnv } from './api-env.ts';
import type { Caller } from './guard.ts';
import { type RefusalStatus, refusals } from './refusals.ts';
import { readBody } from './request-body.ts';
import { schemaRef } from './schema-names.ts';

/**
 * A route of the API: what it takes, what it gives, and how it is described, in one place. The same schemas check the
 * request and make the OpenAPI document, and the compiler holds the handler to them.
 */
export interface RouteSpec<P extends ZodObject, Q extends ZodObject, B extends ZodType> {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** As OpenAPI writes it: `/api/runs/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly refuses?: readonly RefusalStatus[];
  /** Who may use it; absent: what `access/route-rules.ts` says, and without a line there nobody but the owner. */
  readonly access?: RouteRule;
}

export interface RouteInput<P extends ZodObject, Q extends ZodObject, B extends ZodType> {
  readonly params: z.output<P>;
  readonly query: z.output<Q>;
  readonly body: z.output<B>;
  readonly caller: Caller;
  /** Whose eyes the reply has to be made for; `undefined`: somebody's who sees everything. */
  readonly viewer: string | undefined;
  /** Fires when the client is gone. */
  readonly signal: AbortSignal;
  setHeader(name: string, value: string): void;
}

export interface JsonSpec<P extends ZodObject, Q extends ZodObject, B extends ZodType, R extends ZodType>
  extends RouteSpec<P, Q, B> {
  readonly reply: R;
}

/** Adds a route that answers with JSON. */
export function jsonRoute<
  R extends ZodType,
  P extends ZodObject = ZodObject,
  Q extends ZodObject = ZodObject,
  B extends ZodType = ZodType,
>(app: ApiApp, spec: JsonSpec<P, Q, B, R>, handle: (input: RouteInput<P, Q, B>) => Promise<z.output<R>>): void {
  addRoute(app, spec, { 'application/json': { schema: schemaRef(spec.reply) } }, async (input, context) =>
    context.body(JSON.stringify(await handle(input)), 200, { 'content-type': 'application/json' }),
  );
}

/** Adds a route that answers with something else than JSON. */
export function bytesRoute<
  P extends ZodObject = ZodObject,
  Q extends ZodObject = ZodObject,
  B extends ZodType = ZodType,
>(app: ApiApp, spec: RouteSpec<P, Q, B>, handle: (input: RouteInput<P, Q, B>) => Promise<Response>): void {
  addRoute(app, spec, { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } }, handle);
}

type Content = Record<string, { schema: Record<string, unknown> }>;

function addRoute<P extends ZodObject, Q extends ZodObject, B extends ZodType>(
  app: ApiApp,
  spec: RouteSpec<P, Q, B>,
  content: Content,
  handle: (input: RouteInput<P, Q, B>, context: Context<ApiEnv>) => Promise<Response>,
): void {
  const { method, path, summary, params, query, body, refuses = [] } = spec;
  app.openAPIRegistry.registerPath({
    method,
    path,
    summary,
    operationId: operationIdOf(method, path),
    'x-least-role': (spec.access ?? ROUTE_RULES[`${method} ${path}`])?.least ?? 'undecided',
    tags: [path.split('/')[2] ?? 'api'],
    request: {
      ...(params ? { params } : {}),
      ...(query ? { query } : {}),
      ...(body ? { body: { required: true, content: { 'application/json': { schema: schemaRef(body) } } } } : {}),
    },
    responses: {
      200: { description: 'Done.', content },
      ...refusals([...refuses, ...(params || query || body ? [400 as const] : []), ...(body ? [413 as const] : [])]),
    },
  });
  app.on(method.toUpperCase(), path.replace(/\{(\w+)\}/g, ':$1'), async (context) =>
    handle(await inputOf(context, spec, await authorized(context, spec)), context),
  );
}

/** Before anything of the request is read: may this caller, and through whose eyes? */
function authorized(
  context: Context<ApiEnv>,
  { method, path, access }: Pick<RouteSpec<ZodObject, ZodObject, ZodType>, 'method' | 'path' | 'access'>,
): Promise<string | undefined> {
  const params = context.req.param() as Record<string, string>; // Hono types it by a literal path.
  return context.get('authorize')(context.get('caller'), {
    ...{ method, path, params, rule: access },
    query: context.req.query(),
  });
}

/** `get /api/runs/{id}/events` → `getRunsIdEvents`. */
function operationIdOf(method: string, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '' && word !== 'api');
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

async function inputOf<P extends ZodObject, Q extends ZodObject, B extends ZodType>(
  context: Context<ApiEnv>,
  spec: RouteSpec<P, Q, B>,
  viewer: string | undefined,
): Promise<RouteInput<P, Q, B>> {
  return {
    params: check(spec.params, context.req.param(), 'path'),
    query: check(spec.query, context.req.query(), 'query'),
    body: check(spec.body, spec.body === undefined ? undefined : await jsonBody(context), 'body'),
    caller: context.get('caller'),
    viewer,
    signal: context.req.raw.signal,
    setHeader: (name, value) => context.header(name, value),
  };
}

/** Without a schema there is nothing to hand on, and no handler can name a field of it. */
function check<S extends ZodType>(schema: S | undefined, value: unknown, place: string): z.output<S> {
  const parsed = schema?.safeParse(value) ?? { success: true as const, data: undefined };
  if (parsed.success) return parsed.data as z.output<S>;
  throw badInput(place, parsed.error);
}

async function jsonBody(context: Context<ApiEnv>): Promise<unknown> {
  const type = context.req.header('content-type') ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new HoldfastError('bad-request', 'The body is not declared as JSON.', {
      remedy: 'Send the header content-type: application/json.',
    });
  }
  const text = await readBody(context.env.incoming, context.get('bodyBytes'));
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HoldfastError('bad-request', 'The body is not valid JSON.', {
      remedy: 'Send one JSON object.',
      cause: error,
    });
  }
}

function badInput(place: string, error: ZodError): HoldfastError {
  const problems = error.issues.slice(0, 10).map((issue) => ({
    path: [place, ...issue.path].join('.').slice(0, 200),
    problem: issue.message.slice(0, 300),
  }));
  const text = problems.map(({ path, problem }) => `${path}: ${problem}`).join('; ');
  return new HoldfastError('bad-request', `The request is not valid: ${text}.`, {
    details: { problems },
    remedy: 'GET /openapi.json describes every route.',
  });
}
