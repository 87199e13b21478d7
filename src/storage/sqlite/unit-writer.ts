import type { DatabaseSync } from 'node:sqlite';
import { guardFailed } from '../guard-failed.ts';
import type { Statement, StatementResult } from '../store.ts';
import { concernsAll, fromSqlite, isEngineFailure } from './errors.ts';
import { StatementCache } from './statement-cache.ts';
import type { Unit, UnitOutcome } from './writer-protocol.ts';

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

  commit(units: readonly Unit[]): readonly UnitOutcome[] {
    try {
      return this.#commitTogether(units);
    } catch (error) {
      this.#rollback();
      if (units.length === 1 || concernsAll(error)) return units.map(() => this.#failure(error));
      return units.map((unit) => this.#commitAlone(unit));
    }
  }

  #commitTogether(units: readonly Unit[]): readonly UnitOutcome[] {
    const [first] = units;
    if (units.length === 1 && first && isAtomicByItself(first)) return [{ ok: true, results: this.#execute(first) }];
    this.#run('BEGIN IMMEDIATE');
    const outcomes = units.map((unit) => this.#inGroup(unit));
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

  #inGroup(unit: Unit): UnitOutcome {
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
    return { rows: [], changes: Number(prepared.statement.run(...statement.parameters).changes) };
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
