import { describe, it } from 'vitest';
import { hasPostgres } from '../testing/postgres.ts';
import { runOnPostgres } from '../testing/run-on-postgres.ts';

/** Every test of the core once more, with PostgreSQL under it. */
if (hasPostgres()) {
  await runOnPostgres();
  await import('./core.test.ts');
} else {
  describe.skip('the core on PostgreSQL', () => {
    it('needs a PostgreSQL server', () => {});
  });
}
