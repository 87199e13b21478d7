import { kill } from 'node:process';

/** Ends the processes; one that is gone already is fine. Only for pids that were read from a group of ours this moment. */
export function killAll(pids: readonly number[], signal: NodeJS.Signals = 'SIGKILL'): void {
  for (const pid of pids) {
    try {
      kill(pid, signal);
    } catch {
      // It ended between the look and the signal.
    }
  }
}
