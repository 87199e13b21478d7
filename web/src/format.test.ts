import { describe, expect, it } from 'vitest';
import { formatAge, formatBytes, formatDuration, formatMoney, formatRemaining } from './format.ts';

describe('format', () => {
  it.each([
    [0, '$0'],
    [0.00001, '<$0.0001'],
    [0.0123, '$0.0123'],
    [12.345, '$12.35'],
  ])('%d USD is %s', (usd, text) => expect(formatMoney(usd)).toBe(text));

  it.each([
    [-3, '0 ms'],
    [950, '950 ms'],
    [12_340, '12.3 s'],
    [125_000, '2 min 5 s'],
    [119_700, '2 min'],
    [7_260_000, '2 h 1 min'],
  ])('%d ms is %s', (ms, text) => expect(formatDuration(ms)).toBe(text));

  it('sizes, ages and deadlines', () => {
    expect(formatBytes(1_536)).toBe('1.5 KiB');
    expect(formatAge(0, 30_000)).toBe('just now');
    expect(formatAge(0, 7_200_000)).toBe('2 h ago');
    expect(formatRemaining(90_000)).toBe('2 min');
    expect(formatRemaining(-5)).toBe('1 s');
  });
});
