import type { Clock } from '../../base/clock.ts';
import { BackgroundQueue } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/logger.ts';
import { HoldfastError } from '../../protocol/error.ts';

/** The runs that this host executes now. One execution per run; a run that hangs can be started again beside its remains. */
export interface ActiveRuns extends AsyncDisposable {
  readonly size: number;
  has(runId: string): boolean;
  ids(): readonly string[];
  /** Does nothing when it is executing already. */
  start(runId: string): void;
  /** Aborts it; what comes back resolves once it has ended. Undefined: it is not executing here. */
  abort(runId: string, reason: Error): Promise<void> | undefined;
  /** Resolves when an execution that is under way has ended. */
  ended(runId: string): Promise<void>;
  restart(runId: string, cause: string): Promise<void>;
  /** Why it was started again, told once. */
  takeCause(runId: string): string | undefined;
}

export interface ActiveRunsDeps {
  readonly execute: (runId: string, controller: AbortController, signal: AbortSignal) => Promise<void>;
  readonly onEnded: (runId: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Active {
  readonly controller: AbortController;
  readonly done: Promise<void>;
  /** Waits no longer for what ignores its end. */
  readonly abandon: () => void;
}

/** The run is let go to be started again from its journal: nothing of this execution may be written any more. */
export class Stalled extends HoldfastError {}

const HUNG_AFTER_MS = 5_000;

export function createActiveRuns(deps: ActiveRunsDeps): ActiveRuns {
  const active = new Map<string, Active>();
  const causes = new Map<string, string>();
  const background = new BackgroundQueue((error, name) =>
    deps.log.error('Run stopped by an error', { run: name, error }),
  );

  const start = (runId: string): void => {
    if (active.has(runId)) return;
    const controller = new AbortController();
    const { promise: done, resolve: finish } = Promise.withResolvers<void>();
    const { promise: abandoned, resolve: abandon } = Promise.withResolvers<void>();
    const own: Active = { controller, done, abandon };
    active.set(runId, own);
    background.add(runId, async (shutdown) => {
      try {
        const executed = deps.execute(runId, controller, AbortSignal.any([shutdown, controller.signal]));
        await Promise.race([executed, abandoned]);
      } finally {
        if (active.get(runId) === own) active.delete(runId);
        finish();
        deps.onEnded(runId);
      }
    });
  };

  return {
    get size() {
      return active.size;
    },
    has: (runId) => active.has(runId),
    ids: () => [...active.keys()],
    start,
    abort(runId, reason) {
      const running = active.get(runId);
      running?.controller.abort(reason);
      return running?.done;
    },
    ended: async (runId) => await active.get(runId)?.done,
    async restart(runId, cause) {
      const running = active.get(runId);
      if (running === undefined) return;
      running.controller.abort(new Stalled('run.no-progress', cause));
      const hung = new AbortController();
      await Promise.race([running.done, deps.clock.sleep(HUNG_AFTER_MS, hung.signal).catch(() => {})]);
      hung.abort();
      if (active.get(runId) === running) active.delete(runId);
      running.abandon();
      causes.set(runId, cause);
      start(runId);
    },
    takeCause(runId) {
      const cause = causes.get(runId);
      causes.delete(runId);
      return cause;
    },
    [Symbol.asyncDispose]: () => background[Symbol.asyncDispose](),
  };
}
