import { createDeadline, type Deadline } from './deadline.ts';
import { Cancelled } from './end-run.ts';
import { specOf } from './run-store.ts';
import type { RunsTable } from './tables.ts';

/** The wall time of workers. While one of them waits at a cap nobody works, so its time and that of its parents stand still. */
export interface Deadlines {
  /** Begins the time of a run; disposal ends it. Chats have none: each of their steps has its own limits. */
  start(row: RunsTable, controller: AbortController): Disposable;
  /** Of this run, and of its parents, which wait for it. */
  hold(runId: string): Disposable;
}

interface Entry {
  readonly deadline: Deadline | undefined;
  readonly parentRunId: string | null;
}

export function createDeadlines(): Deadlines {
  const entries = new Map<string, Entry>();
  return {
    start: (row, controller) => {
      const entry: Entry = { deadline: deadlineOf(row, controller), parentRunId: row.parent_run_id };
      entries.set(row.id, entry);
      return {
        [Symbol.dispose]: () => {
          entry.deadline?.end();
          if (entries.get(row.id) === entry) entries.delete(row.id);
        },
      };
    },
    hold: (runId) => {
      const holds = new DisposableStack();
      for (let id: string | null = runId; id !== null; ) {
        const entry: Entry | undefined = entries.get(id);
        if (entry?.deadline) holds.use(entry.deadline.hold());
        id = entry?.parentRunId ?? null;
      }
      return holds;
    },
  };
}

function deadlineOf(row: RunsTable, controller: AbortController): Deadline | undefined {
  if (row.kind !== 'worker') return undefined;
  const limitMs = specOf(row).limits.workerTimeoutMs;
  const error = new Cancelled('timeout', `The worker used up its time of ${Math.round(limitMs / 1_000)} s.`, {
    remedy: 'Give a smaller task or a longer timeout_ms.',
  });
  return createDeadline(limitMs, () => controller.abort(error));
}
