import type { Lanes } from '../inbox/lanes.ts';
import type { RunManager } from './run-manager.ts';
import { type RunStore, specOf } from './run-store.ts';

/**
 * Takes up what an earlier life of the host left open, oldest first. Chats go back into their lanes; a worker is taken up
 * by the parent that waits for it, and ends as cancelled when nobody can be waiting any more.
 */
export async function recoverRuns(deps: { runs: RunStore; lanes: Lanes; manager: RunManager }): Promise<number> {
  const open = await deps.runs.open();
  const ids = new Set(open.map((run) => run.id));
  for (const run of open) {
    if (run.kind === 'chat' && run.session_id !== null) deps.lanes.add(run.session_id, run.id);
    else if (run.kind !== 'worker' || (specOf(run).background && run.state !== 'asked')) deps.manager.start(run.id);
    else if (run.state !== 'asked' && (run.parent_run_id === null || !ids.has(run.parent_run_id))) {
      await deps.manager.cancel(run.id, 'The run that started this worker is over.');
    }
  }
  return open.length;
}
