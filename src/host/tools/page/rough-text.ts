/**
 * The text of a page without a parser, in one pass: for pages on which the real conversion takes too long or fails.
 * Worse to read, but it cannot be made slow.
 */
export function roughText(html: string): string {
  const parts: string[] = [];
  for (let at = 0; at < html.length; ) {
    const open = html.indexOf('<', at);
    parts.push(html.slice(at, open === -1 ? html.length : open));
    if (open === -1) break;
    at = endOfTag(html, open);
  }
  return parts
    .filter((part) => part !== '')
    .join(' ')
    .replace(/[ \t]{2,}/g, ' ');
}

const SKIPPED = ['script', 'style', 'noscript', 'template'];

function endOfTag(html: string, open: number): number {
  const close = html.indexOf('>', open);
  if (close === -1) return html.length;
  const name = /^[a-z]+/i.exec(html.slice(open + 1, open + 12))?.[0]?.toLowerCase() ?? '';
  if (!SKIPPED.includes(name)) return close + 1;
  const end = html.indexOf(`</${name}`, close);
  const endClose = end === -1 ? -1 : html.indexOf('>', end);
  return endClose === -1 ? html.length : endClose + 1;
}
