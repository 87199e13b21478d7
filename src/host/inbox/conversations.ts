import type { Clock } from '../../base/clock.ts';
import type { HoldfastConfig } from '../../protocol/config.ts';
import type { Store } from '../../storage/store.ts';
import type { AgentRuns } from '../agents/agent-runs.ts';
import type { HostSql } from '../database.ts';
import type { Journal } from '../journal/journal.ts';
import type { RunManager } from '../runs/run-manager.ts';
import type { RunStore } from '../runs/run-store.ts';
import { createJoining } from '../steering/joining.ts';
import { createLateInputs, type LateInputs } from '../steering/late-inputs.ts';
import { createRequeue, type Requeue } from '../steering/requeue.ts';
import { createSteering, type Steering } from '../steering/steering.ts';
import { chatSpec } from './chat-run.ts';
import { createInbox, type Inbox, type InboxDeps } from './inbox.ts';
import { createLanes, type Lanes } from './lanes.ts';
import { createSessions, type Sessions } from './sessions.ts';

/** How messages become runs: sessions, inbox, lanes, and what reaches a run that is already under way. */
export interface Conversations {
  readonly sessions: Sessions;
  readonly inbox: Inbox;
  readonly lanes: Lanes;
  readonly lateInputs: LateInputs;
  readonly steering: Steering;
  /** What an ended run has not read becomes a run of its own. */
  readonly requeue: Requeue;
}

export interface ConversationsDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly runs: RunStore;
  readonly agentRuns: AgentRuns;
  readonly config: HoldfastConfig;
  /** Made after this, since a run's end changes its message. */
  readonly manager: () => RunManager;
  readonly signal: AbortSignal;
}

export function createConversations(deps: ConversationsDeps): Conversations {
  const { store, sql, runs, config } = deps;
  const sessions = createSessions(deps);
  const lateInputs = createLateInputs(deps);
  const specOf: InboxDeps['specOf'] = (message) => chatSpec(message, deps.agentRuns);
  const createRun: InboxDeps['createRun'] = (spec, id) => deps.manager().create(spec, id);
  const inbox = createInbox({
    ...deps,
    sessions,
    limits: config.limits,
    joining: createJoining({ store, sql, lateInputs }),
    queued: (agentId) => runs.countQueued(agentId),
    createRun,
    specOf,
  });
  const lanes = createLanes(
    { start: (id) => deps.manager().start(id), settled: (id, signal) => deps.manager().settled(id, signal) },
    deps.signal,
  );
  return {
    sessions,
    inbox,
    lanes,
    lateInputs,
    steering: createSteering({ ...deps, sessions, lateInputs }),
    requeue: createRequeue({ store, sql, lateInputs, sessions, inbox, lanes, specOf, createRun }),
  };
}
