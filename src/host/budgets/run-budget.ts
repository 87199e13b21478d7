import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { RunBudget } from '../runs/run-budget.ts';
import type { VaultSpending } from '../vault-client/vault-spending.ts';
import { createRunClock } from './running-time.ts';

export interface RunBudgetDeps {
  readonly vault: VaultSpending;
  /** Resolves when the vault answers again. */
  readonly vaultReachable: (signal: AbortSignal) => Promise<void>;
  readonly atCap: 'ask' | 'stop';
  readonly clock: Clock;
  readonly log: Logger;
}

/** Below the vault client's own deadline. */
const ASK_FOR_MS = 8_000;
const PAUSE_MS = 500;

/** Runs at a cap ask the vault until there is room: it answers in the moment the owner raises the cap or a window ends. */
export function createRunBudget({ vault, vaultReachable, atCap, clock, log }: RunBudgetDeps): RunBudget {
  return {
    atCap,
    room: async ({ agentId, runId, taskId }, error, signal) => {
      const { dimension, needed } = error.budget ?? { dimension: 'usd', needed: 0 };
      const request = { agent: agentId, run: runId, task: taskId, needs: { [dimension]: needed }, waitMs: ASK_FOR_MS };
      for (;;) {
        signal.throwIfAborted();
        try {
          if ((await vault.room(request, signal)).fits) return;
        } catch (thrown) {
          signal.throwIfAborted();
          const failure = HoldfastError.from(thrown);
          if (failure.code !== 'vault.unreachable' && failure.code !== 'timeout') throw failure;
          await vaultReachable(signal);
        }
        await clock.sleep(PAUSE_MS, signal);
      }
    },
    clock: (run) => createRunClock(run, { vault, log, now: () => performance.now() }),
  };
}
