import { Readability } from '@mozilla/readability';
import { parseHTML } from 'linkedom';
import TurndownService from 'turndown';

/**
 * A page as Markdown that a model can read: the article where there is one, else the whole body. Nothing of the page is
 * run or fetched. Images become plain text, so that no screen that renders the text ever asks for one; links keep only
 * web addresses, made absolute.
 */
/** As much of the DOM as is used here; the compiler's own DOM types are the browser's. */
interface PageNode {
  readonly nodeName: string;
  readonly textContent: string | null;
  readonly childNodes: Iterable<PageNode>;
}

interface PageElement extends PageNode {
  getAttribute(name: string): string | null;
  setAttribute(name: string, value: string): void;
  removeAttribute(name: string): void;
  remove(): void;
}

interface PageDocument {
  readonly title: string;
  readonly body: PageElement;
  querySelector(selector: string): PageElement | null;
  querySelectorAll(selector: string): Iterable<PageElement>;
  toString(): string;
}

export interface ReadPage {
  readonly title: string;
  readonly markdown: string;
}

const NOT_TEXT = 'script, style, noscript, template, iframe, object, embed, svg, canvas, link, meta, base';
const HIDDEN = '[hidden], [aria-hidden="true"], [style*="display:none" i], [style*="display: none" i]';
/** Below this share of the page's text the "article" is a teaser: the page is a list, a form or a table. */
const SMALLEST_ARTICLE_SHARE = 0.25;
const LONGEST_ALT = 300;

export function htmlToMarkdown(html: string, address: string): ReadPage {
  const document = parse(html);
  const title = oneLine(document.title || document.querySelector('h1')?.textContent || '');
  for (const node of document.querySelectorAll(`${NOT_TEXT}, ${HIDDEN}`)) node.remove();
  makeAddressesAbsolute(document, address);
  const whole = textLength(document.body);
  const markdown = createTurndown();
  const article = readArticle(document);
  const isArticle = article !== undefined && textLength(article.root) >= whole * SMALLEST_ARTICLE_SHARE;
  return {
    title: title || article?.title || '',
    markdown: markdown.turndown(isArticle ? article.root : document.body).trim(),
  };
}

function parse(html: string): PageDocument {
  return parseHTML(/<html[\s>]/i.test(html) ? html : `<!doctype html><html><body>${html}</body></html>`).document;
}

function textLength(node: PageNode): number {
  return (node.textContent ?? '').replace(/\s+/g, ' ').length;
}

function readArticle(document: PageDocument): { readonly root: PageElement; readonly title: string } | undefined {
  const { document: copy } = parseHTML(document.toString());
  const article = new Readability<PageElement>(copy, { serializer: (node) => node }).parse();
  if (!article?.content) return undefined;
  return { root: article.content, title: oneLine(article.title ?? '') };
}

function makeAddressesAbsolute(document: PageDocument, address: string): void {
  for (const [selector, name] of [
    ['a[href]', 'href'],
    ['img[src]', 'src'],
  ] as const)
    for (const node of document.querySelectorAll(selector)) {
      const absolute = webAddress(node.getAttribute(name) ?? '', address);
      if (absolute === undefined) node.removeAttribute(name);
      else node.setAttribute(name, absolute);
    }
}

function webAddress(reference: string, base: string): string | undefined {
  const url = URL.parse(reference, base);
  return url && (url.protocol === 'http:' || url.protocol === 'https:' || url.protocol === 'mailto:')
    ? url.href.replaceAll('(', '%28').replaceAll(')', '%29')
    : undefined;
}

function createTurndown(): TurndownService {
  const turndown = new TurndownService({ headingStyle: 'atx', codeBlockStyle: 'fenced', bulletListMarker: '-' });
  turndown.addRule('image', { filter: 'img', replacement: (_content, node) => imageText(node) });
  turndown.addRule('cell', {
    filter: ['td', 'th'],
    replacement: (content) => ` ${oneLine(content).replaceAll('|', '\\|')} |`,
  });
  turndown.addRule('row', {
    filter: 'tr',
    replacement: (content, node) => `|${content}\n${isHeadRow(node) ? `|${' --- |'.repeat(cellCount(node))}\n` : ''}`,
  });
  turndown.addRule('table', { filter: 'table', replacement: (content) => `\n\n${content.replace(/\n+/g, '\n')}\n\n` });
  return turndown;
}

function imageText(node: PageElement): string {
  const alt = oneLine(node.getAttribute('alt') ?? '')
    .slice(0, LONGEST_ALT)
    .replace(/[[\]()!`<>]/g, '');
  const source = node.getAttribute('src') ?? '';
  return alt === '' ? '' : `(image: ${alt}${source === '' ? '' : `, ${source}`})`;
}

function cellCount(node: PageNode): number {
  return [...node.childNodes].filter((child) => child.nodeName === 'TD' || child.nodeName === 'TH').length;
}

function isHeadRow(node: PageNode): boolean {
  const cells = [...node.childNodes].filter((child) => child.nodeName === 'TD' || child.nodeName === 'TH');
  return cells.length > 0 && cells.every((cell) => cell.nodeName === 'TH');
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
