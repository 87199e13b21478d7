import type { DatabaseSync } from 'node:sqlite';
import { guardFailed } from '../guard-failed.ts';
import type { SqlValue, Statement, StatementResult } from '../store.ts';
import { concernsAll, fromSqlite, isEngineFailure } from './errors.ts';
import { ROWS_TOGETHER } from './insert-of-many.ts';
import { type PreparedStatement, StatementCache } from './statement-cache.ts';
import type { Unit, UnitOutcome } from './writer-protocol.ts';

export interface CommittedGroup {
  readonly units: readonly Unit[];
  /** One per unit, in order. */
  readonly outcomes: readonly UnitOutcome[];
}

/** Units that arrived meanwhile and may still join the group, or none. */
export type MoreUnits = () => readonly Unit[];

const MOST_UNITS_PER_GROUP = 1_000;
const NO_ROWS: StatementResult['rows'] = [];
const ONE_ROW_ADDED: UnitOutcome = { ok: true, results: [{ rows: NO_ROWS, changes: 1 }] };

/**
 * Commits groups of units with one fsync each. Runs in the writer thread.
 *
 * What must hold: a unit is whole or absent, and its failure touches no other unit. Inside a group each unit has its own
 * savepoint (a single unguarded statement is atomic by itself). When the group as a whole fails (disk full, a deferred
 * constraint that only shows at COMMIT), it is rolled back and each unit is tried alone, in order, so that only the
 * guilty ones fail.
 */
export class UnitWriter {
  readonly #db: DatabaseSync;
  readonly #path: string;
  readonly #statements: StatementCache;

  constructor(db: DatabaseSync, path: string) {
    this.#db = db;
    this.#path = path;
    this.#statements = new StatementCache(db);
  }

  /** Until the commit begins the group takes what `more` gives; so those who are sending are not kept waiting for a second fsync. */
  commit(first: readonly Unit[], more: MoreUnits = () => []): CommittedGroup {
    const units = [...first];
    try {
      return { units, outcomes: this.#commitTogether(units, more) };
    } catch (error) {
      this.#rollback();
      const alone = units.length > 1 && !concernsAll(error);
      return { units, outcomes: units.map((unit) => (alone ? this.#commitAlone(unit) : this.#failure(error))) };
    }
  }

  #commitTogether(units: Unit[], more: MoreUnits): readonly UnitOutcome[] {
    let next = more();
    const [first] = units;
    if (units.length === 1 && next.length === 0 && first && isAtomicByItself(first))
      return [{ ok: true, results: this.#execute(first) }];
    this.#run('BEGIN IMMEDIATE');
    const outcomes: UnitOutcome[] = [];
    for (;;) {
      units.push(...next);
      this.#inGroup(units, outcomes);
      if (units.length >= MOST_UNITS_PER_GROUP) break;
      next = more();
      if (next.length === 0) break;
    }
    this.#run('COMMIT');
    return outcomes;
  }

  #commitAlone(unit: Unit): UnitOutcome {
    try {
      this.#run('BEGIN IMMEDIATE');
      const results = this.#execute(unit);
      this.#run('COMMIT');
      return { ok: true, results };
    } catch (error) {
      this.#rollback();
      return this.#failure(error);
    }
  }

  /** Executes the units that have no outcome yet. */
  #inGroup(units: readonly Unit[], outcomes: UnitOutcome[]): void {
    while (outcomes.length < units.length) {
      if (this.#insertTogether(units, outcomes)) continue;
      const unit = units[outcomes.length];
      if (unit) outcomes.push(this.#oneInGroup(unit));
    }
  }

  #oneInGroup(unit: Unit): UnitOutcome {
    const atomicByItself = isAtomicByItself(unit);
    if (!atomicByItself) this.#run('SAVEPOINT unit');
    try {
      const results = this.#execute(unit);
      if (!atomicByItself) this.#run('RELEASE unit');
      return { ok: true, results };
    } catch (error) {
      if (isEngineFailure(error) || !this.#db.isTransaction) throw error;
      if (!atomicByItself) {
        this.#run('ROLLBACK TO unit');
        this.#run('RELEASE unit');
      }
      return this.#failure(error);
    }
  }

  /** Whether the next units were rows of one kind and are all inserted. When one of them fails, SQLite has undone all of them. */
  #insertTogether(units: readonly Unit[], outcomes: UnitOutcome[]): boolean {
    const from = outcomes.length;
    const first = units[from]?.[0];
    if (!first || units.length - from < ROWS_TOGETHER) return false;
    const { insertOfMany } = this.#statements.prepare(first.sql);
    if (!insertOfMany) return false;
    const parameters: SqlValue[] = [];
    for (let at = from; at < from + ROWS_TOGETHER; at += 1) {
      const unit = units[at];
      const row = unit?.[0];
      if (!row || !unit || !isAtomicByItself(unit) || row.sql !== first.sql) return false;
      if (row.parameters.length !== insertOfMany.columns) return false;
      for (const parameter of row.parameters) parameters.push(parameter);
    }
    if (!this.#added(insertOfMany.statement(), parameters)) return false;
    for (let count = 0; count < ROWS_TOGETHER; count += 1) outcomes.push(ONE_ROW_ADDED);
    return true;
  }

  #added(insert: PreparedStatement['statement'], parameters: readonly SqlValue[]): boolean {
    try {
      if (Number(insert.run(...parameters).changes) === ROWS_TOGETHER) return true;
    } catch (error) {
      if (isEngineFailure(error) || !this.#db.isTransaction) throw error;
      return false;
    }
    throw new Error('A trigger kept some of the rows out; the group must be tried unit by unit.');
  }

  #execute(unit: Unit): readonly StatementResult[] {
    return unit.map((statement) => {
      const result = this.#one(statement);
      if (statement.expectRows !== undefined && result.changes !== statement.expectRows)
        throw guardFailed(statement, result.changes);
      return result;
    });
  }

  #one(statement: Statement): StatementResult {
    const prepared = this.#statements.prepare(statement.sql);
    if (prepared.returnsRows) {
      const rows = prepared.statement.all(...statement.parameters);
      return { rows, changes: rows.length };
    }
    return { rows: NO_ROWS, changes: Number(prepared.statement.run(...statement.parameters).changes) };
  }

  #run(sql: string): void {
    this.#statements.prepare(sql).statement.run();
  }

  #rollback(): void {
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
  }

  #failure(error: unknown): UnitOutcome {
    return { ok: false, error: fromSqlite(error, this.#path).toShape(), engine: isEngineFailure(error) };
  }
}

/** SQLite undoes a failed statement by itself; alone and unguarded it needs no transaction around it. */
function isAtomicByItself(unit: Unit): boolean {
  return unit.length === 1 && unit[0]?.expectRows === undefined;
}
