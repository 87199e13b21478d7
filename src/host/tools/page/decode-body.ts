import { TextDecoder } from 'node:util';

/** Bytes of an answer as text. The encoding: byte order mark, then the header, then the page itself, else UTF-8. */
export function decodeBody(body: Uint8Array, contentType: string): string {
  const label = byteOrderMark(body) ?? charsetOf(contentType) ?? declaredInPage(body) ?? 'utf-8';
  return decoderFor(label).decode(body);
}

export type BodyKind = 'html' | 'json' | 'text' | 'other';

/** What to do with a body. An unnamed or generic type is judged by its first bytes. */
export function bodyKind(body: Uint8Array, contentType: string): BodyKind {
  const type = mediaType(contentType);
  if (type === 'text/html' || type === 'application/xhtml+xml') return 'html';
  if (type === 'application/json' || type.endsWith('+json')) return 'json';
  if (type.startsWith('text/') || type.endsWith('+xml') || TEXT_TYPES.has(type)) return 'text';
  return type === '' || type === 'application/octet-stream' ? sniff(body) : 'other';
}

export function mediaType(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

const TEXT_TYPES = new Set([
  'application/xml',
  'application/javascript',
  'application/ecmascript',
  'application/yaml',
  'application/x-yaml',
  'application/toml',
  'application/sql',
  'application/x-sh',
  'application/x-ndjson',
  'application/rtf',
]);
const SNIFFED_BYTES = 2_048;

function sniff(body: Uint8Array): BodyKind {
  const start = body.subarray(0, SNIFFED_BYTES);
  if (start.includes(0)) return 'other';
  const text = new TextDecoder().decode(start);
  const spoiled = [...text].filter((character) => character === '\uFFFD').length;
  if (spoiled > 1) return 'other'; // One may be a character cut in the middle.
  return /^\s*(?:<!doctype html|<html)/i.test(text) ? 'html' : 'text';
}

function byteOrderMark(body: Uint8Array): string | undefined {
  if (body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf) return 'utf-8';
  if (body[0] === 0xff && body[1] === 0xfe) return 'utf-16le';
  if (body[0] === 0xfe && body[1] === 0xff) return 'utf-16be';
  return undefined;
}

function charsetOf(text: string): string | undefined {
  return /charset\s*=\s*["']?\s*([\w:.-]{1,40})/i.exec(text)?.[1];
}

function declaredInPage(body: Uint8Array): string | undefined {
  const start = new TextDecoder('latin1').decode(body.subarray(0, SNIFFED_BYTES));
  const meta = /<meta\s[^>]{0,200}charset[^>]{0,100}>/i.exec(start)?.[0];
  const xml = /^\s*<\?xml[^>]{0,100}encoding\s*=\s*["']([\w:.-]{1,40})["']/i.exec(start)?.[1];
  return (meta === undefined ? undefined : charsetOf(meta)) ?? xml;
}

function decoderFor(label: string): TextDecoder {
  try {
    return new TextDecoder(label);
  } catch {
    return new TextDecoder(); // An encoding nobody knows: the page still reads, with marks where it does not.
  }
}
