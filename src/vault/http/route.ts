import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseJson, readBody } from './body.ts';

/** Whose socket a request came in by. */
export type Door = 'owner' | 'host';

export interface RouteContext {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly door: Door;
  /** What the pattern's first group matched, decoded. */
  readonly name: string;
  /** What its second group matched, decoded. */
  readonly second: string;
}

/** One route beside `/model/…`. Without `hostToo` only the owner's socket has it. */
export interface Route<Deps> {
  readonly method: string;
  readonly pattern: RegExp;
  readonly hostToo?: true;
  /** The answer's JSON; `undefined` = 204, or the route answered itself. */
  readonly run: (deps: Deps, context: RouteContext) => unknown;
}

export const SMALL_BODY_BYTES = 262_144;

export async function readSmallJson(request: IncomingMessage): Promise<unknown> {
  return parseJson(await readBody(request, SMALL_BODY_BYTES));
}
