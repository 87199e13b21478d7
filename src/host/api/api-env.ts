import type { HttpBindings } from '@hono/node-server';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Authorize } from '../access/authorize.ts';
import type { Caller } from './guard.ts';
import type { Door, RequestFacts } from './request-facts.ts';

/** What every handler finds in its context. */
export interface ApiEnv {
  readonly Bindings: HttpBindings & { readonly door: Door };
  readonly Variables: { facts: RequestFacts; caller: Caller; bodyBytes: number; authorize: Authorize };
}

export type ApiApp = OpenAPIHono<ApiEnv>;
