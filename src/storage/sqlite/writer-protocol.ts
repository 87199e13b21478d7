import type { ErrorShape } from '../../protocol/error.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { Row, SqlValue, Statement, StatementResult } from '../store.ts';

/**
 * What the store and its writer thread say to each other. Batches of units are sent as they come; the thread makes groups
 * of what has arrived and answers once per group, in order. Units and results cross as flat arrays of plain values, because
 * cloning nested objects costs more than the statements themselves.
 */
export interface WriterSetup {
  readonly path: string;
  readonly migrations: readonly { readonly name: string; readonly statements: readonly string[] }[];
  /** For tests: SQLite then says "full" at so many pages. */
  readonly maxPages: number | undefined;
  /** One counter: requests sent so far. The thread sleeps on it. */
  readonly requests: SharedArrayBuffer;
}

export interface BatchRequest {
  readonly kind: 'batch';
  /** Forget every SQL text given before. */
  readonly resetSql: boolean;
  /** SQL text crosses once; afterwards its number does. */
  readonly newSql: readonly string[];
  /** Per unit: count of statements; per statement: SQL number, expected rows or -1, count of parameters, parameters. */
  readonly units: readonly SqlValue[];
}

export type WriterRequest = BatchRequest | { readonly kind: 'close' };

export interface GroupReply {
  readonly kind: 'group';
  /** How many units, counted from the oldest unanswered one. */
  readonly units: number;
  /** Per statement of the group, failed units included. */
  readonly changes: readonly number[];
  /** Only of the statements that returned rows. */
  readonly rows: readonly (readonly [statement: number, rows: readonly Row[]])[];
  readonly failures: readonly (readonly [unit: number, failure: UnitFailure])[];
}

export interface UnitFailure {
  readonly error: ErrorShape;
  /** The database itself failed, not the unit. */
  readonly engine: boolean;
}

export type WriterReply =
  | { kind: 'ready'; migrated: readonly string[]; snapshot: string | undefined }
  | { kind: 'refused'; error: ErrorShape }
  | GroupReply
  | { kind: 'closed' };

export type Unit = readonly Statement[];
export type UnitOutcome = { ok: true; results: readonly StatementResult[] } | ({ ok: false } & UnitFailure);

const NO_GUARD = -1;
const NO_ROWS: readonly Row[] = [];

export function encodeUnits(units: readonly Unit[], numberOf: (sql: string) => number): SqlValue[] {
  const flat: SqlValue[] = [];
  for (const unit of units) {
    flat.push(unit.length);
    for (const { sql, parameters, expectRows } of unit) {
      flat.push(numberOf(sql), expectRows ?? NO_GUARD, parameters.length);
      for (const parameter of parameters) flat.push(parameter);
    }
  }
  return flat;
}

export function decodeUnits(flat: readonly SqlValue[], texts: readonly string[]): Unit[] {
  const units: Unit[] = [];
  for (let at = 0; at < flat.length; ) {
    const unit: Statement[] = [];
    let left = Number(flat[at++]);
    for (; left > 0; left -= 1) {
      const sql = texts[Number(flat[at])] ?? '';
      const expectRows = Number(flat[at + 1]);
      const end = at + 3 + Number(flat[at + 2]);
      const parameters = flat.slice(at + 3, end);
      unit.push(expectRows === NO_GUARD ? { sql, parameters } : { sql, parameters, expectRows });
      at = end;
    }
    units.push(unit);
  }
  return units;
}

export function encodeOutcomes(units: readonly Unit[], outcomes: readonly UnitOutcome[]): GroupReply {
  const changes: number[] = [];
  const rows: [number, readonly Row[]][] = [];
  const failures: [number, UnitFailure][] = [];
  for (const [index, unit] of units.entries()) {
    const outcome = outcomes[index];
    if (!outcome?.ok) {
      for (const _ of unit) changes.push(0);
      failures.push([index, outcome ?? { error: lostUnit().toShape(), engine: true }]);
      continue;
    }
    for (const result of outcome.results) {
      if (result.rows.length > 0) rows.push([changes.length, result.rows]);
      changes.push(result.changes);
    }
  }
  return { kind: 'group', units: units.length, changes, rows, failures };
}

export function decodeOutcomes(units: readonly Unit[], reply: GroupReply): UnitOutcome[] {
  const rows = new Map(reply.rows);
  const failures = new Map(reply.failures);
  let statement = 0;
  return units.map((unit, index) => {
    const results: StatementResult[] = [];
    for (const _ of unit) {
      results.push({ rows: rows.get(statement) ?? NO_ROWS, changes: reply.changes[statement] ?? 0 });
      statement += 1;
    }
    const failure = failures.get(index);
    return failure ? { ok: false, ...failure } : { ok: true, results };
  });
}

function lostUnit(): HoldfastError {
  return new HoldfastError('internal', 'The writer lost a unit.');
}
