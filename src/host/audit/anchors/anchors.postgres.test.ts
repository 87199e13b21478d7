import { describe, it } from 'vitest';
import { hasPostgres } from '../../../testing/postgres.ts';
import { runOnPostgres } from '../../../testing/run-on-postgres.ts';

/** The chain and its anchors once more, with PostgreSQL under them. */
if (hasPostgres()) {
  await runOnPostgres();
  await import('./anchors.test.ts');
} else {
  describe.skip('the audit on PostgreSQL', () => {
    it('needs a PostgreSQL server', () => {});
  });
}
