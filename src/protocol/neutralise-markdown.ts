/**
 * Text of a model on its way to a place that renders Markdown and is not ours: a chat platform, an e-mail. No image is
 * left, for an image is fetched without a click and its address can carry private text out; a link shows the host that
 * it really opens; HTML is text. Code is left as it is.
 */
export function neutraliseMarkdown(text: string): string {
  return text
    .split(CODE)
    .map((part, index) => (index % 2 === 1 ? part : neutraliseProse(part)))
    .join('');
}

/** Fenced blocks and inline code, whole. An unclosed fence is prose, so nothing hides behind one. */
const CODE = /(^```[^\n]*\n[\s\S]*?^```[^\S\n]*$|`[^`\n]+`)/gm;
/** `(address "title")`; an address may hold parentheses in pairs. */
const TARGET = String.raw`\(\s*<?([^\s()<>]*(?:\([^\s()<>]*\)[^\s()<>]*)*)>?(?:\s+[^)]*)?\)`;
const IMAGE = new RegExp(String.raw`!\[([^\]]*)\](?:${TARGET}|\[([^\]]*)\])`, 'g');
const LINK = new RegExp(String.raw`(?<!!)\[([^\]]*)\]${TARGET}`, 'g');
const DEFINITION = /^ {0,3}\[([^\]]+)\]:[^\S\n]*<?(\S+?)>?(?:[^\S\n]+.*)?$/gm;
const AUTOLINK = /<((?:https?|ftp|data|javascript|file|mailto):[^\s>]*)>/gi;
const TAG = /<(?=[a-z/!?])/gi;

function neutraliseProse(text: string): string {
  const targets = new Map([...text.matchAll(DEFINITION)].map(([, name = '', url = '']) => [name.toLowerCase(), url]));
  const targetOf = (name: string): string => targets.get(name.toLowerCase()) ?? '';
  return text
    .replace(DEFINITION, (_whole, name: string, url: string) => `${name}: ${shownAddress(url)}`)
    .replace(IMAGE, (_whole, alt: string, url?: string, name?: string) =>
      shownImage(alt, url ?? targetOf(name === undefined || name === '' ? alt : name)),
    )
    .replace(LINK, (_whole, label: string, url: string) => shownLink(label, url))
    .replace(/(?<!!)\[([^\]]+)\]\[([^\]]*)\]/g, (_whole, label: string, name: string) =>
      shownLink(label, targetOf(name === '' ? label : name)),
    )
    .replace(AUTOLINK, (_whole, url: string) => shownAddress(url))
    .replace(TAG, '&lt;');
}

const shownImage = (alt: string, url: string): string => {
  const host = hostOf(url);
  return `(image${alt.trim() === '' ? '' : ` “${alt.trim()}”`}${host === undefined ? '' : ` at ${host}`}, not loaded)`;
};

/** The label stays a link only where it hides nothing; otherwise the host it opens stands beside it. */
function shownLink(label: string, url: string): string {
  const host = hostOf(url);
  if (host === undefined) return label;
  const shown = label.trim().toLowerCase();
  if (shown === url.toLowerCase() || shown === '') return shownAddress(url);
  return `${label} (${shownAddress(url)})`;
}

/** An address that opens what it looks like: no name and password in front of the host, no letters of other scripts in it. */
function shownAddress(url: string): string {
  const host = hostOf(url);
  if (host === undefined) return url.replace(/^([a-z][a-z0-9+.-]*):/i, '$1 :');
  const rest = url.replace(/^https?:[/\\]*[^/?#\\]*/i, '');
  return `${/^https:/i.test(url) ? 'https' : 'http'}://${host}${rest}`;
}

/** The host that a browser would open, with its port; letters outside ASCII are spelled out. Undefined: not http. */
function hostOf(url: string): string | undefined {
  const authority = /^https?:[/\\]{1,}([^/?#\\]+)/i.exec(url)?.[1];
  if (authority === undefined) return undefined;
  const host = authority.slice(authority.lastIndexOf('@') + 1).toLowerCase();
  return Array.from(host, (one) => (one > '\u007e' ? `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}` : one)).join('');
}
