import { HoldfastError } from '../protocol/error.ts';
import type { Statement } from './store.ts';

export function guardFailed(statement: Statement, changes: number): HoldfastError {
  return new HoldfastError(
    'storage.guard-failed',
    `A guard expected ${statement.expectRows} rows and found ${changes}; the unit was undone.`,
    { details: { sql: statement.sql, expected: statement.expectRows, found: changes } },
  );
}
