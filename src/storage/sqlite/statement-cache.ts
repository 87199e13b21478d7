import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { insertOfMany } from './insert-of-many.ts';

const MOST = 500;

export interface PreparedStatement {
  readonly statement: StatementSync;
  readonly returnsRows: boolean;
  /** The same for many rows at once, where that is possible. */
  readonly insertOfMany: { readonly columns: number; statement(): StatementSync } | undefined;
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
    const made = { statement, returnsRows: statement.columns().length > 0, insertOfMany: this.#many(sql) };
    if (this.#prepared.size >= MOST) this.#dropOldest();
    this.#prepared.set(sql, made);
    return made;
  }

  #many(sql: string): PreparedStatement['insertOfMany'] {
    const many = insertOfMany(sql);
    if (!many) return undefined;
    let prepared: StatementSync | undefined;
    return {
      columns: many.columns,
      statement: () => {
        prepared ??= this.#db.prepare(many.sql);
        return prepared;
      },
    };
  }

  #dropOldest(): void {
    const oldest = this.#prepared.keys().next();
    if (!oldest.done) this.#prepared.delete(oldest.value);
  }
}
