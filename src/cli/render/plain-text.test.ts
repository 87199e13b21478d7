import { describe, expect, it } from 'vitest';
import { oneLine, plainText } from './plain-text.ts';

describe('plainText', () => {
  it.each([
    ['colours', '\u001b[31mred\u001b[0m', 'red'],
    ['a window title', '\u001b]0;owned\u0007hello', 'hello'],
    ['a title ended by ST', '\u001b]0;owned\u001b\\hello', 'hello'],
    ['an unfinished title', 'a\u001b]52;c;c2VjcmV0', 'a'],
    ['a device query', 'a\u001b[6nb\u001bPq#0\u001b\\c', 'abc'],
    ['a C1 sequence', 'a\u009b31mb', 'ab'],
    ['a bare escape and a bell', 'a\u001b\u0007b', 'ab'],
    ['carriage returns that overwrite', 'safe\rrm -rf', 'saferm -rf'],
    ['text that reads backwards', 'a\u202egpj.exe', 'agpj.exe'],
    ['lines and tabs', 'a\r\n\tb\n', 'a\n\tb\n'],
  ])('cleans %s', (_name, raw, clean) => expect(plainText(raw)).toBe(clean));

  it('cuts to one line', () => expect(oneLine('a\n  b\tc', 4)).toBe('a b…'));
});
