import { HoldfastError } from '../../protocol/error.ts';
import { readOne, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';

/**
 * How many workers one run of an agent has started, its workers' workers included. The count is a row that the unit which
 * makes a worker raises under a guard, so that calls side by side (of several workers, in several messages) cannot start
 * one too many between them, and the unit which ends a worker lowers.
 */
export interface Lineages {
  /** For the unit that makes `count` workers; it fails when they are too many. */
  admit(rootRunId: string, count: number): Statement[];
  /** For the unit that ends one. */
  leave(rootRunId: string): Statement;
  /** Why the guard of `admit` failed, or undefined when it was not that. */
  refusal(rootRunId: string, count: number): Promise<HoldfastError | undefined>;
}

export interface LineageLimits {
  readonly maxChildrenTotal: number;
  readonly maxChildrenConcurrent: number;
}

export function createLineages({
  store,
  sql,
  limits,
}: {
  store: Store;
  sql: HostSql;
  limits: LineageLimits;
}): Lineages {
  const { maxChildrenTotal: mostInAll, maxChildrenConcurrent: mostAtOnce } = limits;
  return {
    admit: (rootRunId, count) => [
      toStatement(
        sql
          .insertInto('worker_lineages')
          .values({ root_run_id: rootRunId, total: 0, open: 0 })
          .onConflict((conflict) => conflict.column('root_run_id').doNothing()),
      ),
      toStatement(
        sql
          .updateTable('worker_lineages')
          .set((row) => ({ total: row('total', '+', count), open: row('open', '+', count) }))
          .where('root_run_id', '=', rootRunId)
          .where('total', '<=', mostInAll - count)
          .where('open', '<=', mostAtOnce - count),
        { expectRows: 1 },
      ),
    ],
    leave: (rootRunId) =>
      toStatement(
        sql
          .updateTable('worker_lineages')
          .set((row) => ({ open: row('open', '-', 1) }))
          .where('root_run_id', '=', rootRunId)
          .where('open', '>', 0),
      ),
    async refusal(rootRunId, count) {
      const row = await readOne(
        store,
        sql.selectFrom('worker_lineages').selectAll().where('root_run_id', '=', rootRunId),
      );
      const { total = 0, open = 0 } = row ?? {};
      if (total + count > mostInAll) return limitReached(`${total} of ${mostInAll} workers were started already`);
      if (open + count > mostAtOnce) return limitReached(`${open} of ${mostAtOnce} workers are at work already`);
      return undefined;
    },
  };
}

function limitReached(why: string): HoldfastError {
  return new HoldfastError('tool.failed', `No further worker was started: ${why}.`, {
    remedy: 'Wait for one to end, give several tasks to one worker, or raise workers in config.json.',
  });
}
