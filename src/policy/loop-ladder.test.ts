import { describe, expect, it } from 'vitest';
import { judgeCall, LOOP_WINDOW, type LoopEntry, warnAfter } from './loop-ladder.ts';

const entry = (result: string | undefined = 'r', args = 'a', tool = 't'): LoopEntry => ({
  tool,
  argsHash: args,
  resultHash: result,
});
const times = (n: number, make: (i: number) => LoopEntry = () => entry()): LoopEntry[] =>
  Array.from({ length: n }, (_, i) => make(i));
const call = { tool: 't', argsHash: 'a', exempt: false };

describe('the loop ladder', () => {
  it.each([
    ['first call', [], 'ok'],
    ['second identical', times(1), 'ok'],
    ['third identical', times(2), 'ok'],
    ['fourth identical is skipped', times(3), 'skip'],
    ['eighth, skipped ones counted', [...times(3), ...times(4, () => entry(undefined))], 'skip'],
    ['ninth, skipped ones counted', [...times(3), ...times(5, () => entry(undefined))], 'stop'],
    ['five different arguments', times(5, (i) => entry('r', String(i))), 'ok'],
    ['four same arguments, all different results', times(4, (i) => entry(String(i))), 'ok'],
    ['ninth same arguments, all different results', times(8, (i) => entry(String(i))), 'stop'],
    ['another tool with the same arguments', times(5, () => entry('r', 'a', 'other')), 'ok'],
  ] as const)('%s', (_name, history, expected) => {
    expect(judgeCall(history, call).kind).toBe(expected);
  });

  it('forgets what slid out of the window', () => {
    const others = (n: number) => times(n, (i) => entry('r', `other${i}`));
    expect(judgeCall([...times(3), ...others(LOOP_WINDOW - 3)], call).kind).toBe('skip');
    expect(judgeCall([...times(3), ...others(LOOP_WINDOW - 2)], call).kind).toBe('ok');
  });

  it('warns at the second identical result and not at a different one', () => {
    expect(warnAfter([], entry(), false)).toBeUndefined();
    expect(warnAfter(times(1), entry(), false)).toBe(2);
    expect(warnAfter(times(1), entry('new'), false)).toBeUndefined();
  });

  it('never warns or skips an exempt tool, but stops it', () => {
    expect(warnAfter(times(5), entry(), true)).toBeUndefined();
    expect(judgeCall(times(7), { ...call, exempt: true }).kind).toBe('ok');
    expect(judgeCall(times(8), { ...call, exempt: true })).toEqual({ kind: 'stop', count: 9 });
  });
});
