/**
 * The contract of a database. Reads are single statements. Writes are **units**: a list of statements that commits as a
 * whole or not at all, and is durable (fsynced) when its promise resolves. Units are not interactive: a condition that
 * must hold is a `guard` on one of the statements. That is what lets one writer group many units into one commit, off
 * the event loop, and lets the same code run on SQLite and PostgreSQL.
 *
 * Contract: a unit whose guard fails throws `storage.guard-failed` and changes nothing, and the other units of its group
 * are not touched by it. Order: units commit in the order they were given.
 */
export type SqlValue = string | number | bigint | null | Uint8Array;

export interface Statement {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
  /** The unit is undone unless this statement changes (or, with RETURNING, returns) exactly so many rows. */
  readonly expectRows?: number;
}

export type Row = Record<string, SqlValue>;

export interface StatementResult {
  readonly rows: readonly Row[];
  readonly changes: number;
}

export interface Store extends AsyncDisposable {
  readonly dialect: 'sqlite' | 'postgres';
  read(statement: Statement): Promise<readonly Row[]>;
  /** One result per statement, in order. */
  write(unit: readonly Statement[]): Promise<readonly StatementResult[]>;
}

export interface Migration {
  /** Sorts and identifies it for ever, e.g. `0001-runs`. */
  readonly name: string;
  /** DDL per dialect; each list runs in one transaction. */
  readonly sqlite: readonly string[];
  readonly postgres: readonly string[];
}
