import { backoffMs } from '../../base/backoff.ts';

/** When a process that died is started again. */
export interface RestartPolicy {
  /** Notes a crash at `nowMs` and says how long to wait. `looping`: it dies so often that fast retries stop. */
  crashed(nowMs: number): { delayMs: number; looping: boolean };
}

export interface RestartPolicyOptions {
  readonly windowMs: number;
  /** This many crashes inside the window are a boot loop. */
  readonly limit: number;
  readonly baseMs: number;
  readonly maxMs: number;
  /** Between two tries while looping. */
  readonly loopingMs: number;
}

export const RESTART_DEFAULTS: RestartPolicyOptions = {
  windowMs: 60_000,
  limit: 5,
  baseMs: 50,
  maxMs: 2_000,
  loopingMs: 60_000,
};

export function createRestartPolicy(options: RestartPolicyOptions = RESTART_DEFAULTS): RestartPolicy {
  let crashes: number[] = [];
  return {
    crashed: (nowMs) => {
      crashes = [...crashes.filter((at) => nowMs - at < options.windowMs), nowMs];
      if (crashes.length >= options.limit) return { delayMs: options.loopingMs, looping: true };
      return { delayMs: backoffMs(crashes.length, options), looping: false };
    },
  };
}
