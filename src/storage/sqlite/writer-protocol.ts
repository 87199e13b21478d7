import type { ErrorShape } from '../../protocol/error.ts';
import type { SqlValue, StatementResult } from '../store.ts';

/** What the store and its writer thread say to each other. One group in flight at a time; groups answer in order. */
export interface WriterSetup {
  readonly path: string;
  readonly migrations: readonly { readonly name: string; readonly statements: readonly string[] }[];
  /** For tests: SQLite then says "full" at so many pages. */
  readonly maxPages: number | undefined;
}

/** SQL text crosses the thread once; afterwards its number does. */
export interface WireStatement {
  readonly sql: number;
  readonly parameters: readonly SqlValue[];
  readonly expectRows: number | undefined;
}

export type WireUnit = readonly WireStatement[];

export interface WriterRequest {
  readonly kind: 'group' | 'close';
  /** Forget every number given before. */
  readonly resetSql: boolean;
  readonly newSql: readonly string[];
  readonly units: readonly WireUnit[];
}

export type UnitOutcome =
  | { ok: true; results: readonly StatementResult[] }
  | { ok: false; error: ErrorShape; engine: boolean };

export type WriterReply =
  | { kind: 'ready'; migrated: readonly string[]; snapshot: string | undefined }
  | { kind: 'refused'; error: ErrorShape }
  | { kind: 'group'; outcomes: readonly UnitOutcome[] }
  | { kind: 'closed' };
