import type { Logger } from '../../base/logger.ts';
import type { RunManager } from '../runs/run-manager.ts';
import type { RunStore } from '../runs/run-store.ts';
import type { RunSandboxes } from '../sandboxes/run-sandboxes.ts';

export interface StopRunsDeps {
  readonly manager: Pick<RunManager, 'restart' | 'activeIds'>;
  readonly runs: Pick<RunStore, 'open'>;
  readonly sandboxes: Pick<RunSandboxes, 'stop'>;
  readonly log: Logger;
}

/**
 * Lets runs go as a stop of the host would: nothing is written, their sandboxes end with all that runs in them, and each is
 * started again at once, to wait until it may go on. All of them side by side: the slowest must not hold up the others.
 */
export function createStopRuns(deps: StopRunsDeps): (agentId: string | undefined) => Promise<number> {
  const stop = async (runId: string): Promise<void> => {
    const restarted = deps.manager.restart(runId, 'It was frozen.');
    const stopped = deps.sandboxes.stop(runId);
    const [, sandbox] = await Promise.allSettled([restarted, stopped]);
    if (sandbox.status === 'rejected') deps.log.error('A sandbox did not stop', { run: runId, error: sandbox.reason });
  };
  return async (agentId) => {
    const active = deps.manager.activeIds();
    const ids = agentId === undefined ? active : await idsOf(deps, agentId, active);
    await Promise.all(ids.map(stop));
    return ids.length;
  };
}

async function idsOf({ runs }: StopRunsDeps, agentId: string, active: readonly string[]): Promise<string[]> {
  const own = new Set((await runs.open()).filter((run) => run.agent_id === agentId).map((run) => run.id));
  return active.filter((id) => own.has(id));
}
