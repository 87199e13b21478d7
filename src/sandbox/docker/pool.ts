/**
 * The containers of one sandbox: one that waits for the next command, made while the last one runs, and none when no
 * command came for a while. A container that ended while it waited is never given out.
 */
import type { WarmContainer } from './warm.ts';

export interface WarmPool {
  /** The waiting one, or a new one. It belongs to the caller, who says when it may go. */
  take(): Promise<WarmContainer>;
  /** Begins another one for the next command, in the background. */
  prepare(): void;
  discard(container: WarmContainer): void;
  /** Removes the waiting one and waits until everything discarded is gone. */
  drain(): Promise<void>;
}

export function createWarmPool(start: () => Promise<WarmContainer>, idleMs: number): WarmPool {
  const leaving = new Set<Promise<void>>();
  let waiting: Promise<WarmContainer | undefined> | undefined;
  let idle: NodeJS.Timeout | undefined;

  const discard = (container: WarmContainer): void => {
    const gone = container.remove().finally(() => leaving.delete(gone));
    leaving.add(gone);
  };
  const letGo = async (): Promise<void> => {
    clearTimeout(idle);
    const mine = waiting;
    waiting = undefined;
    const container = await mine;
    if (container) discard(container);
  };
  return {
    take: async () => {
      clearTimeout(idle);
      const mine = waiting;
      waiting = undefined;
      const container = await mine;
      if (container?.isWaiting()) return container;
      if (container) discard(container);
      return await start();
    },
    prepare: () => {
      clearTimeout(idle);
      waiting ??= start().catch(() => undefined); // The next command tries again and is told why.
      idle = setTimeout(() => void letGo(), idleMs);
      idle.unref();
    },
    discard,
    drain: async () => {
      await letGo();
      await Promise.all(leaving);
    },
  };
}
