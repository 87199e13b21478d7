import type { MeteredUsage } from '../model/usage.ts';

/** A JSON object as it came from outside: every field unknown. */
export type Loose = Readonly<Record<string, unknown>>;

/**
 * Finds the usage a provider reports, one meter per wire format. A meter sees whole JSON values (a plain answer, or one
 * event of a stream) and only those that contain `marker`.
 *
 * Contract: `read` returns `undefined` unless the value holds final numbers for input and output; it never guesses.
 */
export interface Meter {
  readonly marker: string;
  read(last: Loose, first: Loose | undefined): MeteredUsage | undefined;
  /** True when the stream's first event carries a part of the numbers. */
  readonly needsFirst: boolean;
}

/** Sees a stream pass and says at its end what was used. */
export interface UsageTail {
  push(chunk: Buffer): void;
  usage(): MeteredUsage | undefined;
}

export function asObject(value: unknown): Loose | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}

/** A number as reported, even an absurd one; plausibility is judged in one place, `isPlausible`. */
export function count(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
