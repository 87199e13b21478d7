import type { IncomingMessage, ServerResponse } from 'node:http';

export interface RouteContext {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What the pattern's group matched, decoded. */
  readonly name: string;
}

/** One route beside `/model/…`. A room of the vault brings a list of its own and takes from the deps only what it names. */
export interface Route<Deps> {
  readonly method: string;
  readonly pattern: RegExp;
  /** Absent: only for the owner's socket. */
  readonly hostToo?: true;
  /** The answer's JSON; `undefined` = 204, or the route answered itself. */
  readonly run: (deps: Deps, context: RouteContext) => unknown;
}
