/**
 * Where bytes to and from the outside are counted against a budget. Called for every chunk, so it must be quick; what it
 * answers with is the reason why no more may go.
 */
export interface EgressMeter {
  onBytes(use: EgressUse): string | undefined;
}

export interface EgressUse {
  readonly agent: string;
  readonly run: string | undefined;
  /** 0 asks only whether a connection may begin. */
  readonly bytes: number;
}

/** Counts nothing. */
export const NO_METER: EgressMeter = { onBytes: () => undefined };
