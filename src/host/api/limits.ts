/** Bounds of the gateway. Tests pass smaller ones. */
export interface ApiLimits {
  readonly bodyBytes: number;
  /** Time a client has to send its headers, and its whole request, in milliseconds. */
  readonly headersMs: number;
  readonly requestMs: number;
  readonly connections: number;
  readonly subscribers: number;
  /** Bytes that may wait for one subscriber before it counts as too slow. */
  readonly bufferedBytes: number;
  /** Events that may wait while a subscriber still reads its replay. */
  readonly backlog: number;
  readonly replayPage: number;
  readonly pingMs: number;
  /** How long events are gathered in a burst before they are written, in milliseconds. */
  readonly gatherMs: number;
}

export const DEFAULT_LIMITS: ApiLimits = {
  bodyBytes: 1_048_576,
  headersMs: 10_000,
  requestMs: 30_000,
  connections: 1_000,
  subscribers: 256,
  bufferedBytes: 4_194_304,
  backlog: 2_000,
  replayPage: 500,
  pingMs: 30_000,
  gatherMs: 8,
};
