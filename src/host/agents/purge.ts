import type { Clock } from '../../base/clock.ts';
import type { RunSandboxes } from '../sandboxes/run-sandboxes.ts';
import type { AgentRoom } from './agent-room.ts';
import { volumeOf } from './agent-runs.ts';

export interface PurgeDeps extends Pick<AgentRoom, 'agents' | 'personas'> {
  readonly sandboxes: Pick<RunSandboxes, 'removeVolume'>;
  readonly clock: Clock;
}

/** As long as a removal can be undone whole. */
export const KEEP_REMOVED_MS = 1_800_000;
const LOOK_EVERY_MS = 60_000;

/** Takes away files and volumes of agents that were removed long enough ago. Their rows and history stay. */
export async function purgeRemoved(deps: PurgeDeps, signal: AbortSignal): Promise<void> {
  const gone = new Set<string>();
  for (;;) {
    for (const id of await deps.agents.removedBefore(deps.clock.now() - KEEP_REMOVED_MS)) {
      if (gone.has(id)) continue;
      await deps.personas.purge(id);
      await deps.sandboxes.removeVolume(volumeOf(id));
      gone.add(id);
    }
    await deps.clock.sleep(LOOK_EVERY_MS, signal);
  }
}
