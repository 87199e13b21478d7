/**
 * One lane per session: its runs go one after the other, in the order they came; lanes do not wait for each other. The
 * lane is only the order of execution: the runs are rows, and after a restart the lanes are filled from them again.
 */
export interface Lanes {
  add(sessionId: string, runId: string): void;
  /** Lanes with work. */
  readonly size: number;
}

export interface LaneRuns {
  start(runId: string): void;
  settled(runId: string, signal: AbortSignal): Promise<unknown>;
}

export function createLanes(runs: LaneRuns, signal: AbortSignal): Lanes {
  const tails = new Map<string, Promise<void>>();
  const work = async (before: Promise<void> | undefined, runId: string): Promise<void> => {
    await before;
    if (signal.aborted) return;
    runs.start(runId);
    // A run that cannot be read any more must not hold its lane.
    await runs.settled(runId, signal).catch(() => {});
  };
  return {
    get size() {
      return tails.size;
    },
    add(sessionId, runId) {
      const tail = work(tails.get(sessionId), runId).finally(() => {
        if (tails.get(sessionId) === tail) tails.delete(sessionId);
      });
      tails.set(sessionId, tail);
    },
  };
}
