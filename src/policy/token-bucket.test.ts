import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bucket, takeToken } from './token-bucket.ts';

/** How many of the calls at these times pass. */
function passes(perMinute: number, times: readonly number[]): boolean[] {
  let bucket: Bucket | undefined;
  return times.map((at) => {
    const taken = takeToken(bucket, perMinute, at);
    bucket = taken.bucket;
    return taken.ok;
  });
}

describe('a token bucket', () => {
  it('lets a minute’s worth through at once, then one at a time', () => {
    expect(passes(3, [0, 0, 0, 0, 19_999, 20_000, 20_001]).map(Number)).toEqual([1, 1, 1, 0, 0, 1, 0]);
  });

  it('says when there is a whole token again', () => {
    const taken = takeToken({ tokens: 0.5, at: 0 }, 60, 0);
    expect(taken).toMatchObject({ ok: false, retryAfterMs: 500 });
    expect(takeToken(taken.bucket, 60, 499).ok).toBe(false);
    expect(takeToken(taken.bucket, 60, 500).ok).toBe(true);
  });

  it('is neither filled nor emptied by a clock that jumps back', () => {
    expect(passes(1, [60_000, 0, 0, 60_001, 120_000]).map(Number)).toEqual([1, 0, 0, 0, 1]);
  });

  it('never lets more through in any minute than twice its figure', () => {
    const gaps = fc.array(fc.nat(30_000), { maxLength: 200 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), gaps, (perMinute, steps) => {
        let at = 0;
        const times = steps.map((step) => (at += step));
        const passed = passes(perMinute, times);
        for (const [index, start] of times.entries()) {
          const within = times.filter((time, i) => i >= index && time < start + 60_000 && passed[i]);
          expect(within.length).toBeLessThanOrEqual(2 * perMinute);
        }
      }),
      { numRuns: 200 },
    );
  });
});
