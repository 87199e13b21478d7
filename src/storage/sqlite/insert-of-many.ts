/**
 * Rows of one kind that arrive together are inserted together: one statement for many rows costs SQLite less than many
 * statements. Only for statements whose outcome per row is known beforehand: a plain INSERT of parameters, which either
 * adds exactly one row or fails. Then "all rows were added" says the outcome of each.
 */
const PLAIN_INSERT = /^insert into ("?\w+"?) \(([\w", ]+)\) values \((\?(?:, ?\?)*)\)$/i;
export const ROWS_TOGETHER = 16;

export interface InsertOfMany {
  /** For `ROWS_TOGETHER` rows. */
  readonly sql: string;
  /** Parameters per row. */
  readonly columns: number;
}

export function insertOfMany(sql: string): InsertOfMany | undefined {
  const [, table, columns, values] = PLAIN_INSERT.exec(sql) ?? [];
  if (table === undefined || columns === undefined || values === undefined) return undefined;
  const rows = Array.from({ length: ROWS_TOGETHER }, () => `(${values})`);
  return { sql: `INSERT INTO ${table} (${columns}) VALUES ${rows.join(', ')}`, columns: values.split(',').length };
}
