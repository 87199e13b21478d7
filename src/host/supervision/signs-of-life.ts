import type { Clock } from '../../base/clock.ts';
import type { Journal } from '../journal/journal.ts';

/**
 * When each run last showed that it gets on: an event of its journal, a token of its model, a byte of its tool's output.
 * A process that merely exists is no sign of life.
 */
export interface SignsOfLife extends Disposable {
  /** Undefined: nothing was seen since the host started. */
  last(runId: string): number | undefined;
  forget(runId: string): void;
}

export function createSignsOfLife(deps: { journal: Journal; clock: Clock }): SignsOfLife {
  const seen = new Map<string, number>();
  const subscription = deps.journal.subscribe({
    event: ({ runId, event }) => {
      if (runId === undefined) return;
      if (event.type === 'run.finished') seen.delete(runId);
      else seen.set(runId, deps.clock.now());
    },
    live: ({ runId }) => void seen.set(runId, deps.clock.now()),
  });
  return {
    last: (runId) => seen.get(runId),
    forget: (runId) => void seen.delete(runId),
    [Symbol.dispose]: () => subscription[Symbol.dispose](),
  };
}
