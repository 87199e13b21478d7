import type { Clock } from '../../base/clock.ts';

/**
 * Counts failures per caller in a sliding minute. It remembers a bounded number of callers: a flood of addresses
 * pushes the oldest out, which at worst forgets failures and never grows.
 */
export interface FailureLimiter {
  /** Milliseconds until this caller may try again; 0 = now. */
  waitMs(caller: string): number;
  failed(caller: string): void;
}

export interface FailureLimits {
  readonly failures: number;
  readonly windowMs: number;
  readonly callers: number;
}

export function createFailureLimiter(limits: FailureLimits, clock: Pick<Clock, 'now'>): FailureLimiter {
  const failures = new Map<string, number[]>();
  const recent = (caller: string): number[] =>
    (failures.get(caller) ?? []).filter((at) => clock.now() - at < limits.windowMs);
  return {
    waitMs: (caller) => {
      const at = recent(caller);
      const first = at[at.length - limits.failures];
      return first === undefined ? 0 : first + limits.windowMs - clock.now();
    },
    failed: (caller) => {
      const at = [...recent(caller), clock.now()].slice(-limits.failures);
      failures.delete(caller);
      failures.set(caller, at);
      const oldest = failures.keys().next();
      if (failures.size > limits.callers && !oldest.done) failures.delete(oldest.value);
    },
  };
}
