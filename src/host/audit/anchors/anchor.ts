import type { AnchorConfig, SignedHead } from '../../../protocol/audit.ts';

/**
 * A place that keeps signed heads where whoever changes the database cannot change them too. What it gets is public: the
 * signature makes it count, and its being elsewhere makes it last.
 *
 * Contract: `put` resolves when the head is kept, and throws otherwise; the same head may come twice.
 */
export interface Anchor {
  /** Names it in status, logs and rows: `git ssh://…`. */
  readonly name: string;
  readonly kind: AnchorConfig['kind'];
  /** False when it is as easy to change as the database. */
  readonly outside: boolean;
  put(entry: AnchorEntry, signal: AbortSignal): Promise<void>;
}

export interface AnchorEntry {
  readonly head: SignedHead;
  /** JSON of an `AnchorLine`, without the line's end: what is kept, hashed or sent. */
  readonly line: string;
  /** HMAC over `line` under the webhook's secret, made by the vault. */
  readonly hmac: string | null;
}
