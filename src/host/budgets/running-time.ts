import { uuidv7 } from '../../base/id.ts';
import type { Logger } from '../../base/logger.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { ErrorInfo } from '../../protocol/event.ts';
import type { BudgetedRun, RunClock } from '../runs/run-budget.ts';
import type { VaultSpending } from '../vault-client/vault-spending.ts';

/**
 * A run's time, bought from the vault in slices before it is used: one second first, then twice as much each time, up to 15.
 * So what is charged is never less than what was used, and at most twice of it. When the vault grants none, the step under
 * way ends, its time is charged all the same, and the run waits before the next one.
 */
export interface RunningTimeDeps {
  readonly vault: Pick<VaultSpending, 'addTime'>;
  readonly log: Logger;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

const FIRST_SLICE_MS = 1_000;
const LONGEST_SLICE_MS = 15_000;
const LARGEST_CHARGE_MS = 600_000;

export function createRunClock(run: BudgetedRun, deps: RunningTimeDeps): RunClock {
  return new Clock(run, deps);
}

class Clock implements RunClock {
  readonly #run: BudgetedRun;
  readonly #deps: RunningTimeDeps;
  #grantedMs = 0;
  #usedMs = 0;
  #runningSince: number | undefined;
  #sliceMs = FIRST_SLICE_MS;
  #timer: NodeJS.Timeout | undefined;
  #buying: Promise<ErrorInfo | undefined> | undefined;
  #ended = false;

  constructor(run: BudgetedRun, deps: RunningTimeDeps) {
    this.#run = run;
    this.#deps = deps;
  }

  async admit(): Promise<ErrorInfo | undefined> {
    const refusal = this.#left() > 0 ? undefined : await this.#buy();
    if (refusal === undefined) this.resume();
    return refusal;
  }

  pause(): void {
    clearTimeout(this.#timer);
    if (this.#runningSince === undefined) return;
    this.#usedMs += this.#deps.now() - this.#runningSince;
    this.#runningSince = undefined;
  }

  resume(): void {
    if (this.#ended || this.#runningSince !== undefined) return;
    this.#runningSince = this.#deps.now();
    this.#watch();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.pause();
    this.#ended = true;
    await this.#buying;
    await this.#payDebt();
  }

  #left(): number {
    const running = this.#runningSince === undefined ? 0 : this.#deps.now() - this.#runningSince;
    return this.#grantedMs - this.#usedMs - running;
  }

  /** Buys the next slice shortly before the last one is used up. */
  #watch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#extend(), Math.max(0, this.#left() - 100));
    this.#timer.unref();
  }

  async #extend(): Promise<void> {
    const refusal = await this.#buy();
    if (refusal === undefined && this.#runningSince !== undefined) this.#watch();
  }

  #buy(): Promise<ErrorInfo | undefined> {
    this.#buying ??= this.#ask().finally(() => {
      this.#buying = undefined;
    });
    return this.#buying;
  }

  async #ask(): Promise<ErrorInfo | undefined> {
    const debt = Math.max(0, Math.ceil(-this.#left()));
    const addMs = Math.min(LARGEST_CHARGE_MS, debt + this.#sliceMs);
    try {
      const { granted, refusal } = await this.#deps.vault.addTime({ ...this.#payer(), addMs, id: uuidv7() });
      if (!granted) return refusal && { ...refusal, budget: refusal.details };
      this.#sliceMs = Math.min(LONGEST_SLICE_MS, this.#sliceMs * 2);
    } catch (error) {
      // A vault that is away stops model calls, not time; what is used meanwhile is paid with the next slice.
      this.#deps.log.debug('running time could not be charged', { run: this.#run.runId, error });
      return undefined;
    }
    this.#grantedMs += addMs;
    return undefined;
  }

  /** What was used without being granted. */
  async #payDebt(): Promise<void> {
    const debt = Math.ceil(-this.#left());
    if (debt <= 0) return;
    try {
      const addMs = Math.min(LARGEST_CHARGE_MS, debt);
      await this.#deps.vault.addTime({ ...this.#payer(), addMs, id: uuidv7(), used: true });
    } catch (error) {
      const { message } = HoldfastError.from(error);
      this.#deps.log.warn('running time was not charged', { run: this.#run.runId, ms: debt, reason: message });
    }
  }

  #payer(): { agent: string; run: string; task: string } {
    return { agent: this.#run.agentId, run: this.#run.runId, task: this.#run.taskId };
  }
}
