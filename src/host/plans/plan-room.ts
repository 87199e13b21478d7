import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { Journal } from '../journal/journal.ts';
import type { RunStore } from '../runs/run-store.ts';
import type { AnyTool } from '../tools/tool.ts';
import { createPlanTools } from './plan-tools.ts';
import { createPlans, type Plans } from './plans.ts';
import { createSelfQueue, type SelfQueue } from './self-queue.ts';
import type { WakeUp } from './wake-up.ts';

/** What agents mean to do later: plans, and notes to themselves. */
export interface PlanRoom {
  readonly plans: Plans;
  readonly selfQueue: SelfQueue;
  readonly tools: readonly AnyTool[];
  /** After a restart: tells the agents of plans that nobody is working on. Returns how many. */
  resume(): Promise<number>;
}

export interface PlanRoomDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly runs: RunStore;
  readonly log: Logger;
  /** Made after this. */
  readonly wakeUp: () => WakeUp;
}

/** Plans in these states go on when their agent does; all others wait for a person or for nobody. */
const GOES_ON = ['planned', 'running', 'needs_next_step', 'awaiting_worker'];
const MOST_PLANS = 200;

export function createPlanRoom(deps: PlanRoomDeps): PlanRoom {
  const plans = createPlans(deps);
  const selfQueue = createSelfQueue(deps);
  return {
    plans,
    selfQueue,
    tools: createPlanTools({ ...deps, plans, selfQueue }),
    async resume() {
      await plans.reconcile();
      let told = 0;
      for (const plan of await plans.list({ open: true, limit: MOST_PLANS })) {
        if (plan.sessionId === null || !GOES_ON.includes(plan.state)) continue;
        // Whoever is at work in the conversation has the plan before its eyes already.
        const open = await deps.runs.list({ sessionId: plan.sessionId, active: true, limit: 1 });
        if (open.length > 0) continue;
        const text = `Holdfast was started again, and nobody is working on your plan ${plan.id} (“${plan.title}”, ${plan.state}). Look at it with plan_status and go on, or give it up with plan_cancel.`;
        const key = `plan:${plan.id}:${plan.revision}`;
        const message = { sessionId: plan.sessionId, key, text, label: SYSTEM_LABEL };
        const sent = await deps
          .wakeUp()
          .send(message)
          .catch((error: unknown) => {
            deps.log.warn('A plan could not be resumed', { plan: plan.id, error });
            return false;
          });
        if (sent) told += 1;
      }
      return told;
    },
  };
}
