import { describe, expect, it } from 'vitest';
import { createLimiter } from './limiter.ts';

const never = new AbortController().signal;

describe('the limiter', () => {
  it('lets so many in and the rest in order', async () => {
    const limiter = createLimiter(2);
    expect([limiter.tryAcquire(), limiter.tryAcquire(), limiter.tryAcquire()]).toEqual([true, true, false]);
    const order: number[] = [];
    const waiting = [1, 2, 3].map(async (n) => {
      if (await limiter.acquire(never)) order.push(n);
    });
    expect(limiter.waiting).toBe(3);
    for (let n = 0; n < 3; n += 1) limiter.release();
    await Promise.all(waiting);
    expect(order).toEqual([1, 2, 3]);
    expect(limiter.active).toBe(2);
  });

  it('drops who gave up and gives the place to the next', async () => {
    const limiter = createLimiter(1);
    limiter.tryAcquire();
    const controller = new AbortController();
    const first = limiter.acquire(controller.signal);
    const second = limiter.acquire(never);
    controller.abort();
    limiter.release();
    expect([await first, await second]).toEqual([false, true]);
    limiter.release();
    expect([limiter.active, limiter.waiting, await limiter.acquire(AbortSignal.abort())]).toEqual([0, 0, false]);
  });
});
