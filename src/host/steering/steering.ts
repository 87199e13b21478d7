import { HoldfastError } from '../../protocol/error.ts';
import { OWNER_LABEL } from '../../protocol/label.ts';
import type { LaneMode } from '../../protocol/lane-mode.ts';
import type { Store } from '../../storage/store.ts';
import type { Principal } from '../control.ts';
import type { Sessions } from '../inbox/sessions.ts';
import type { RunManager } from '../runs/run-manager.ts';
import type { RunStore } from '../runs/run-store.ts';
import type { RunsTable } from '../runs/tables.ts';
import type { LateInput, LateInputs } from './late-inputs.ts';
import { wasRefused } from './refused-unit.ts';

/** What a person (or a parent) can do to work that is under way, besides waiting for it. */
export interface Steering {
  /** Puts text before a run's next step. Throws `conflict` when the run is over. */
  steer(runId: string, input: LateInput): Promise<void>;
  steerAsOwner(runId: string, text: string): Promise<void>;
  setMode(sessionId: string, mode: LaneMode): Promise<void>;
  /** Ends what the session works on and what waits before `runId`. */
  interrupt(before: { sessionId: string; runId: string }, principal: Principal): Promise<void>;
  /** What an agent works on and what waits for it, in the order it will be done per session. */
  queue(agentId: string): Promise<RunsTable[]>;
}

export interface SteeringDeps {
  readonly store: Store;
  readonly runs: RunStore;
  readonly sessions: Sessions;
  readonly lateInputs: LateInputs;
  readonly manager: () => RunManager;
}

const LONGEST_QUEUE = 500;

export function createSteering(deps: SteeringDeps): Steering {
  const { store, runs, sessions, lateInputs } = deps;
  const steer: Steering['steer'] = async (runId, input) => {
    await runs.get(runId);
    if (!(await wasRefused(store.write(lateInputs.add(runId, input))))) return lateInputs.noticed(runId);
    throw new HoldfastError('conflict', `The run ${runId} is over and reads nothing more.`, {
      remedy: 'Send it as a new message.',
    });
  };
  const queue: Steering['queue'] = async (agentId) =>
    (await runs.list({ agentId, active: true, limit: LONGEST_QUEUE })).filter((run) => run.kind === 'chat').reverse();
  return {
    steer,
    queue,
    steerAsOwner: (runId, text) => steer(runId, { source: 'user', text, label: OWNER_LABEL }),
    async setMode(sessionId, mode) {
      await sessions.get(sessionId);
      await sessions.setMode(sessionId, mode);
    },
    async interrupt({ sessionId, runId }, principal) {
      const open = await runs.list({ sessionId, active: true, limit: LONGEST_QUEUE });
      const earlier = open.filter((run) => run.kind === 'chat' && run.id < runId);
      const reason = `Interrupted by a newer message of ${principal.id} (${principal.surface}).`;
      await Promise.all(earlier.map((run) => deps.manager().cancel(run.id, reason)));
    },
  };
}
