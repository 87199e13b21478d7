import type { RunStore } from './run-store.ts';
import type { RunsTable } from './tables.ts';

/** Waiting for a run to be over or to ask. What counts is its row; being woken only means to look again. */
export interface SettledRuns {
  notify(runId: string): void;
  settled(runId: string, signal: AbortSignal): Promise<RunsTable>;
}

export function createSettledRuns(runs: RunStore): SettledRuns {
  const waiting = new Map<string, Set<() => void>>();
  return {
    notify(runId) {
      for (const resolve of waiting.get(runId) ?? []) resolve();
      waiting.delete(runId);
    },
    async settled(runId, signal) {
      for (;;) {
        signal.throwIfAborted();
        const woken = wakeUp(runId, waiting, signal);
        const row = await runs.get(runId);
        if (row.finished_at !== null || row.state === 'asked') return row;
        await woken;
      }
    },
  };
}

function wakeUp(runId: string, waiting: Map<string, Set<() => void>>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const set = waiting.get(runId) ?? new Set();
    waiting.set(runId, set.add(resolve));
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
