import type { RoomAnswer } from '../../protocol/budget.ts';
import type { Amounts } from './amounts.ts';
import type { Payer } from './payers.ts';
import { refused } from './refused.ts';
import type { Spending } from './spending.ts';

/**
 * Runs that wait at a cap ask here whether it fits now. Each is looked at again when the owner changed something, and every
 * second besides: calls that end give back what they did not use, and days end.
 */
export interface Room extends Disposable {
  wait(payer: Payer, needs: Amounts, options: { waitMs: number; signal: AbortSignal }): Promise<RoomAnswer>;
  /** Looks at all who wait. */
  changed(): void;
}

const LOOK_EVERY_MS = 1_000;

interface Waiter {
  look(): boolean;
}

export function createRoom(spending: Spending): Room {
  const waiters = new Set<Waiter>();
  const look = (): void => {
    for (const waiter of [...waiters]) if (waiter.look()) waiters.delete(waiter);
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  timer.unref();
  const answer = (payer: Payer, needs: Amounts): RoomAnswer => {
    const refusal = spending.check(payer, needs);
    return refusal === undefined ? { fits: true } : { fits: false, refusal: refused(refusal) };
  };
  return {
    wait: (payer, needs, { waitMs, signal }) =>
      new Promise((resolve) => {
        const now = answer(payer, needs);
        if (now.fits || waitMs === 0) return resolve(now);
        const end = (): void => {
          clearTimeout(late);
          waiters.delete(waiter);
          resolve(answer(payer, needs));
        };
        const late = setTimeout(end, waitMs);
        signal.addEventListener('abort', end, { once: true });
        const waiter: Waiter = {
          look: () => {
            if (spending.check(payer, needs) !== undefined) return false;
            end();
            return true;
          },
        };
        waiters.add(waiter);
      }),
    changed: look,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
