import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { RunLimits } from '../../protocol/run.ts';
import { toStatement } from '../../storage/query.ts';
import type { HostSql } from '../database.ts';
import type { Journal } from '../journal/journal.ts';
import type { RunManager } from '../runs/run-manager.ts';
import type { RunStore } from '../runs/run-store.ts';
import { wasRefused } from '../steering/refused-unit.ts';
import { type Overdue, type OverdueLimits, overdueOf } from './overdue.ts';
import { createSignsOfLife } from './signs-of-life.ts';

/**
 * Looks over every open run. One that should be at work but shows no progress is started again from its journal: its
 * epoch rises, so whatever still hangs of it can write nothing, and three such restarts of one step end it with a named
 * cause. One that waits past its deadline is told in its journal once, and listed until somebody acts.
 */
export interface Supervision extends Disposable {
  /** One look at everything. */
  look(): Promise<void>;
  overdue(): Promise<Overdue[]>;
}

export interface SupervisionDeps {
  readonly journal: Journal;
  readonly runs: RunStore;
  readonly manager: Pick<RunManager, 'restart' | 'isActive'>;
  readonly sql: HostSql;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: RunLimits;
  readonly questionMs: number;
}

export function createSupervision(deps: SupervisionDeps): Supervision {
  const { runs, clock, manager } = deps;
  const signs = createSignsOfLife(deps);
  const limits: OverdueLimits = {
    // A tool call has its own deadline and may be silent until then.
    stallMs: Math.max(deps.limits.stallMs, deps.limits.toolTimeoutMs + TOOL_GRACE_MS),
    queuedMs: deps.limits.stallMs,
    questionMs: deps.questionMs,
  };
  const overdue = async (): Promise<Overdue[]> => {
    const open = (await runs.open()).map((run) => ({
      ...run,
      progress_at: Math.max(run.progress_at, signs.last(run.id) ?? 0),
    }));
    return overdueOf(open, clock.now(), limits);
  };
  return {
    overdue,
    async look() {
      for (const late of await overdue()) {
        if (late.state === 'running' && manager.isActive(late.runId)) {
          deps.log.warn('Run showed no progress and is started again', { run: late.runId, silentSince: late.since });
          signs.forget(late.runId);
          await manager.restart(late.runId, `No progress for ${Math.round(limits.stallMs / 1_000)} s.`);
        } else await tell(late, deps);
      }
    },
    [Symbol.dispose]: () => signs[Symbol.dispose](),
  };
}

const TOOL_GRACE_MS = 30_000;

/** Once per wait: the guard lets the note be written only while the run still stands where it was found. */
async function tell(late: Overdue, { journal, runs, sql, clock, log }: SupervisionDeps): Promise<void> {
  const run = await runs.get(late.runId);
  const first = toStatement(
    sql
      .updateTable('runs')
      .set({ overdue_at: clock.now() })
      .where('id', '=', late.runId)
      .where('epoch', '=', run.epoch)
      .where('progress_at', '=', run.progress_at)
      .where('finished_at', 'is', null)
      .where((where) =>
        where.or([where('overdue_at', 'is', null), where('overdue_at', '<', where.ref('progress_at'))]),
      ),
    { expectRows: 1 },
  );
  const event = {
    type: 'run.overdue',
    owner: late.owner,
    detail: late.detail,
    since: late.since,
    deadline: late.deadline,
    remedy: late.remedy,
  } as const;
  const from = { runId: run.id, sessionId: run.session_id ?? undefined, agentId: run.agent_id, event };
  if (await wasRefused(journal.append([from], [first]))) return;
  log.warn('Run is past its deadline', { run: late.runId, owner: late.owner, waitsFor: late.detail });
}
