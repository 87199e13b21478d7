import { describe, it } from 'vitest';
import { hasPostgres } from '../../src/testing/postgres.ts';
import { runOnPostgres } from '../../src/testing/run-on-postgres.ts';

/** The host dies at every single write once more, with PostgreSQL under it. */
if (hasPostgres()) {
  await runOnPostgres();
  await import('./kill-points.test.ts');
} else {
  describe.skip('kill points on PostgreSQL', () => {
    it('needs a PostgreSQL server', () => {});
  });
}
