/** At most `max` holders at once, first come first served. */
export interface Limiter {
  readonly active: number;
  readonly waiting: number;
  /** Takes a free place at once; false when there is none or somebody waits already. */
  tryAcquire(): boolean;
  /** Resolves with true when a place is yours, with false when `signal` fired first. */
  acquire(signal: AbortSignal): Promise<boolean>;
  release(): void;
}

export function createLimiter(max: number): Limiter {
  const queue = new Set<() => void>();
  let active = 0;
  const tryAcquire = (): boolean => {
    if (active >= max || queue.size > 0) return false;
    active += 1;
    return true;
  };
  return {
    get active() {
      return active;
    },
    get waiting() {
      return queue.size;
    },
    tryAcquire,
    acquire: (signal) => {
      if (signal.aborted) return Promise.resolve(false);
      if (tryAcquire()) return Promise.resolve(true);
      return new Promise((resolve) => {
        const giveUp = (): void => {
          queue.delete(enter);
          resolve(false);
        };
        const enter = (): void => {
          queue.delete(enter);
          signal.removeEventListener('abort', giveUp);
          resolve(true);
        };
        queue.add(enter);
        signal.addEventListener('abort', giveUp, { once: true });
      });
    },
    /** A place passes straight to the longest waiting, so that nobody can overtake. */
    release: () => {
      const next = queue.values().next();
      if (next.done) active -= 1;
      else next.value();
    },
  };
}
