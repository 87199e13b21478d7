import { describe, it } from 'vitest';
import { hasPostgres } from '../../testing/postgres.ts';
import { runOnPostgres } from '../../testing/run-on-postgres.ts';

/** Labels, quarantine, grants and changes once more, with PostgreSQL under them. */
if (hasPostgres()) {
  await runOnPostgres();
  await import('./grants.test.ts');
  await import('../changes/changes.test.ts');
  await import('../labels/labels.test.ts');
  await import('../quarantine/quarantine.test.ts');
} else {
  describe.skip('labels, grants and changes on PostgreSQL', () => {
    it('needs a PostgreSQL server', () => {});
  });
}
