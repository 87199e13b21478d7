import { applyAction, emptyJournal, type JournalAction, type JournalState } from './journal.ts';

export interface JournalStore {
  readonly state: () => JournalState;
  readonly dispatch: (action: JournalAction) => void;
  readonly subscribe: (listener: () => void) => () => void;
}

/**
 * Holds the journal outside React. Actions are applied at once; listeners hear of them at most once per `schedule`
 * (a frame), so that a fast stream costs one render per frame, not one per token.
 */
export function createJournalStore(cursor: number, schedule: (run: () => void) => void): JournalStore {
  let state = emptyJournal(cursor);
  let scheduled = false;
  const listeners = new Set<() => void>();
  const notify = () => {
    scheduled = false;
    for (const listener of listeners) listener();
  };
  return {
    state: () => state,
    dispatch: (action) => {
      const next = applyAction(state, action);
      if (next === state) return;
      state = next;
      if (scheduled) return;
      scheduled = true;
      schedule(notify);
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
