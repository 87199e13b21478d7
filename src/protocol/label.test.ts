import { describe, expect, it } from 'vitest';
import {
  CONFIDENTIALITY,
  covers,
  INTEGRITY,
  joinAll,
  joinLabels,
  type Label,
  MOST_ORIGINS,
  mayRead,
  OTHER_ORIGINS,
  sameLabel,
} from './label.ts';

/** A small generator, so that the laws are tried on many labels and a failure can be repeated. */
function labels(seed: number, count: number): Label[] {
  let state = seed;
  const next = (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
  return Array.from({ length: count }, () => ({
    integrity: INTEGRITY[next(INTEGRITY.length)] ?? 'owner',
    confidentiality: CONFIDENTIALITY[next(CONFIDENTIALITY.length)] ?? 'public',
    origins: Array.from({ length: next(next(2) === 0 ? 3 : 60) }, () => `web:${next(200)}`),
    ...(next(2) === 0 ? {} : { principals: ['owner', 'ada', 'bob'].slice(0, next(4)) }),
  }));
}

describe('the join of labels', () => {
  const all = labels(7, 60);
  it('does not depend on the order, and repeating changes nothing', () => {
    for (const a of all) {
      expect(sameLabel(joinLabels(a, a), joinLabels(joinLabels(a, a), a))).toBe(true);
      for (const b of all) {
        expect(sameLabel(joinLabels(a, b), joinLabels(b, a))).toBe(true);
        const c = all[(a.origins.length + b.origins.length) % all.length] ?? a;
        expect(sameLabel(joinLabels(joinLabels(a, b), c), joinLabels(a, joinLabels(b, c)))).toBe(true);
      }
    }
  });
  it('never loses integrity’s worst, secrecy, an origin or the exclusion of a reader', () => {
    for (const a of all)
      for (const b of all) {
        const both = joinLabels(a, b);
        expect(covers(both, a) && covers(both, b)).toBe(true);
        for (const reader of ['owner', 'ada', 'bob', 'eve']) {
          expect(mayRead(both, reader)).toBe(mayRead(a, reader) && mayRead(b, reader));
        }
      }
  });
  it('keeps the readers of both only', () => {
    const ada: Label = { integrity: 'member', confidentiality: 'private', origins: [], principals: ['ada', 'owner'] };
    expect(joinLabels(ada, { ...ada, principals: ['ada'] }).principals).toEqual(['ada']);
    expect(joinLabels(ada, { ...ada, principals: ['bob'] }).principals).toEqual([]);
    // Without a list, what is private is the owner's.
    expect(joinLabels(ada, { integrity: 'owner', confidentiality: 'private', origins: [] }).principals).toBeUndefined();
    expect(joinLabels(ada, { integrity: 'owner', confidentiality: 'public', origins: [] }).principals).toEqual([
      'ada',
      'owner',
    ]);
  });
  it('names so many origins and then says that there are more', () => {
    const many = joinAll(
      Array.from(
        { length: 200 },
        (_, n): Label => ({ integrity: 'untrusted', confidentiality: 'public', origins: [`web:${n}`] }),
      ),
    );
    expect(many.origins).toHaveLength(MOST_ORIGINS);
    expect(many.origins).toContain(OTHER_ORIGINS);
  });
});
