import { describe, expect, it } from 'vitest';
import { createWrapper } from './wrap.ts';

const wrap = (pieces: readonly string[], width = 10): string => {
  const wrapper = createWrapper(() => width);
  return pieces.map((piece) => wrapper.add(piece)).join('') + wrapper.end();
};

describe('createWrapper', () => {
  it('breaks at spaces, however the text is cut into pieces', () => {
    const text = 'one two three four\n\n  - five six seven\n';
    const whole = wrap([text]);
    expect(whole).toBe('one two\nthree four\n\n  - five\nsix seven\n');
    expect(wrap([...text])).toBe(whole);
  });

  it('leaves a word that is longer than a line in one piece', () => {
    expect(wrap(['see https://example.org/a ok'])).toBe('see\nhttps://example.org/a\nok');
  });
});
