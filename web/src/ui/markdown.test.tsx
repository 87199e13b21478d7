import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { Markdown, safeHref } from './markdown.tsx';

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

  it('keeps half of a document, as it streams, harmless', () => {
    const whole = 'Look: [a](https://a.example/) and ```js\ncode <script>\n```\n| a |\n|---|\n| 1 |';
    for (let length = 0; length <= whole.length; length += 1)
      expect(render(whole.slice(0, length))).not.toContain('<script');
  });
});
