import type { Clock } from '../../base/clock.ts';
import { linkedController } from '../../base/lifecycle.ts';
import type { HoldfastError } from '../../protocol/error.ts';

export interface Watchdog {
  readonly signal: AbortSignal;
  /** Waits for `work`, at most `ms`; then aborts `signal` and rejects with `late()`. */
  during<T>(ms: number, late: () => HoldfastError, work: Promise<T>): Promise<T>;
  stop(): void;
}

export interface WatchdogConfig {
  readonly clock: Clock;
  readonly parent: AbortSignal | undefined;
  /** No deadline may be shorter than this, else it would be noticed late. */
  readonly longestSleepMs: number;
}

/** One sleeping timer per stream however many chunks arrive: when it wakes it looks whether its time was moved. */
export function createWatchdog({ clock, parent, longestSleepMs }: WatchdogConfig): Watchdog {
  const request = linkedController(...(parent === undefined ? [] : [parent]));
  const timer = new AbortController();
  let waiting: { readonly until: number; readonly fail: () => void } | undefined;
  let asleep = false;
  request.signal.addEventListener('abort', () => timer.abort(), { once: true });

  const watch = async (): Promise<void> => {
    asleep = true;
    try {
      while (waiting !== undefined) {
        const left = waiting.until - clock.now();
        if (left <= 0) return waiting.fail();
        await clock.sleep(Math.min(left, longestSleepMs), timer.signal);
      }
    } catch {
      // stopped: the stream ended
    } finally {
      asleep = false;
    }
  };

  return {
    signal: request.signal,
    during: async (ms, late, work) => {
      const expired = Promise.withResolvers<never>();
      waiting = {
        until: clock.now() + ms,
        fail: () => {
          const error = late();
          expired.reject(error);
          request.abort(error);
        },
      };
      if (!asleep) void watch();
      try {
        return await Promise.race([work, expired.promise]);
      } finally {
        waiting = undefined;
      }
    },
    stop: () => {
      timer.abort();
      request[Symbol.dispose]();
    },
  };
}
