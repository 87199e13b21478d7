import { describe, it } from 'vitest';
import { hasPostgres } from '../../testing/postgres.ts';
import { runOnPostgres } from '../../testing/run-on-postgres.ts';

/** Agents, workers below workers, plans and teams once more, with PostgreSQL under them. */
if (hasPostgres()) {
  await runOnPostgres();
  await import('../agents/agents.test.ts');
  await import('../workers/spawning.test.ts');
  await import('../teams/teams.test.ts');
  await import('./operator.test.ts');
} else {
  describe.skip('the fleet on PostgreSQL', () => {
    it('needs a PostgreSQL server', () => {});
  });
}
