import type { Migration } from '../../storage/store.ts';

/** Warnings of the vault that are in the journal: each once, however often the vault is asked. */
export interface BudgetWarningsTable {
  /** The vault's number and time: a vault that was set up anew numbers from 1 again. */
  seq: number;
  at: number;
  text: string;
  percent: number;
  scope: string;
  window: string;
  window_start: number;
}

const table = (integer: string): string => `CREATE TABLE budget_warnings (
  seq ${integer} NOT NULL, at ${integer} NOT NULL, text TEXT NOT NULL, percent ${integer} NOT NULL, scope TEXT NOT NULL,
  "window" TEXT NOT NULL, window_start ${integer} NOT NULL, PRIMARY KEY (at, seq))`;

export const budgetsMigration: Migration = {
  name: '0020-budgets',
  sqlite: [table('INTEGER')],
  postgres: [table('BIGINT')],
};
