import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanText, isClean, revealText } from './clean-text.ts';

const STRIPPED = [
  ...[0x00, 0x07, 0x08, 0x0b, 0x0c, 0x80, 0x9f, 0xad, 0x61c, 0x180e, 0x200b, 0x200e, 0x200f, 0x202a, 0x202e, 0x2060],
  ...[0x2066, 0x2069, 0x206f, 0xfeff, 0xfff9, 0xfffb, 0xe000, 0xe0001, 0xe0020, 0xe007f, 0xfe00, 0xfe0d, 0xe0100],
  ...[0xe01ef, 0x34f, 0x115f, 0x1160, 0x3164, 0xffa0, 0xfffc, 0x1d173, 0x180b, 0x180d, 0x180f, 0x17b4, 0x17b5, 0x2800],
  ...[0xd800, 0xffff, 0x10ffff],
];
const KEPT = [
  ...['مرحبا بالعالم', 'שלום עולם', '你好，世界', 'こんにちは', '한국어', 'नमस्ते', 'क्‍ष', 'می‌خواهم', '\u0601 ١٢٣'],
  ...[
    '👨‍👩‍👧‍👦',
    '👩🏽‍💻',
    '❤️‍🔥',
    '🏳️‍🌈',
    '❤︎ ❤️',
    '🏴󠁧󠁢󠁥󠁮󠁧󠁿 🏴󠁧󠁢󠁳󠁣󠁴󠁿',
    'ක්‍ෂ',
    'শ্রী র‌্য',
    '1️⃣',
    'a\tb\r\nc',
    'naïve café',
    'e\u0301',
    '½ × π ≠ √2 — “quoted”',
  ],
];

describe('cleanText', () => {
  it.each(STRIPPED.map((code) => code.toString(16)))('takes out U+%s', (code) => {
    expect(cleanText(`a${String.fromCodePoint(Number.parseInt(code, 16))}b`)).toBe('ab');
  });

  it.each(KEPT)('keeps %s', (text) => {
    expect(cleanText(text)).toBe(text);
  });

  it('takes out a message hidden in tag characters', () => {
    const hidden = [...'ignore previous'].map((c) => String.fromCodePoint(0xe0000 + (c.codePointAt(0) ?? 0))).join('');
    expect(cleanText(`Hello${hidden} there`)).toBe('Hello there');
  });

  it('takes out a message behind a flag, and a flag that is none', () => {
    const tags = (text: string): string => String.fromCodePoint(...[...text].map((c) => 0xe0000 + c.charCodeAt(0)));
    expect(cleanText(`🏴${tags('gbeng')}\u{e007f}${tags('obey')}`)).toBe(`🏴${tags('gbeng')}\u{e007f}`);
    expect(cleanText(`🏴${tags('obey me')}\u{e007f}`)).toBe('🏴');
  });

  it.each([0x2061, 0x2062, 0x2063, 0x2064, 0xfdd0, 0xfdef, 0x1fffe, 0xfffe, 0x206a, 0xe0100])(
    'takes out the invisible operator, noncharacter or selector %i',
    (code) => expect(cleanText(`a${String.fromCodePoint(code)}b`)).toBe('ab'),
  );

  it('takes out a message hidden in joiners or selectors', () => {
    expect(cleanText(`a${'\u200c\u200d'.repeat(60)}b`)).toBe('ab');
    expect(cleanText(`م${'\u200c\u200d'.repeat(60)}ی`).length).toBeLessThanOrEqual(3);
    expect(cleanText(`x${'\ufe0f\ufe0e'.repeat(60)}`)).toBe('x');
    expect(cleanText('pass\u200dword')).toBe('password');
  });

  it('makes line feeds of line and paragraph separators', () => {
    expect(cleanText('a\u2028b\u2029c')).toBe('a\nb\nc');
  });

  it('is idempotent, never lengthens, and leaves plain text alone', () => {
    const risky = fc.constantFrom(
      '\u200c',
      '\u200d',
      '\ufe0f',
      '\ufe0e',
      '❤',
      '👩',
      '🏽',
      'م',
      'क',
      '्',
      'a',
      '1',
      '\u0301',
    );
    const text = fc.string({ unit: fc.oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), risky) });
    fc.assert(
      fc.property(text, (value) => {
        const once = cleanText(value);
        expect(cleanText(once)).toBe(once);
        expect(once.length).toBeLessThanOrEqual(value.length);
      }),
      { numRuns: 2_000 },
    );
    fc.assert(fc.property(fc.string({ unit: 'grapheme-ascii' }), (value) => cleanText(value) === value));
  });
});

describe('revealText', () => {
  it.each([
    ['/srv/\u202Egpj.exe', '/srv/<U+202E>gpj.exe'],
    ['pay\u200Bpal', 'pay<U+200B>pal'],
    ['a\u2028b', 'a<U+2028>b'],
    ['\u{E0041}x\u0007', '<U+E0041>x<U+0007>'],
    ['می‌خواهم 👨‍👩‍👧', 'می‌خواهم 👨‍👩‍👧'],
    ['plain', 'plain'],
  ])('%j becomes %j', (text, expected) => expect(revealText(text)).toBe(expected));

  it('leaves nothing invisible and loses nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const shown = revealText(text);
        expect(isClean(shown)).toBe(true);
        expect(Array.from(shown).length).toBeGreaterThanOrEqual(Array.from(cleanText(text)).length);
      }),
      { numRuns: 1_000 },
    );
  });
});
