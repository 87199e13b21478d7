import type { DatabaseSync, StatementSync } from 'node:sqlite';

const MOST = 500;

export interface PreparedStatement {
  readonly statement: StatementSync;
  readonly returnsRows: boolean;
}

/** Prepared statements by their text; the one unused for longest makes room. */
export class StatementCache {
  readonly #db: DatabaseSync;
  readonly #prepared = new Map<string, PreparedStatement>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  prepare(sql: string): PreparedStatement {
    const known = this.#prepared.get(sql);
    if (known) {
      if (this.#prepared.size < MOST) return known;
      this.#prepared.delete(sql);
      this.#prepared.set(sql, known);
      return known;
    }
    const statement = this.#db.prepare(sql);
    const made = { statement, returnsRows: statement.columns().length > 0 };
    if (this.#prepared.size >= MOST) this.#dropOldest();
    this.#prepared.set(sql, made);
    return made;
  }

  #dropOldest(): void {
    const oldest = this.#prepared.keys().next();
    if (!oldest.done) this.#prepared.delete(oldest.value);
  }
}
