import type { Hit } from './pattern-table.ts';

/**
 * The same bytes with percent-encoding and JSON escapes undone, any mix of them, each byte with the place it came from. A
 * value is found however many of its characters were written as `%41` or `\u0041`.
 */
export interface DecodedView {
  readonly bytes: Buffer;
  /** Where the original of each byte begins; one more entry for the end. */
  readonly starts: Uint32Array;
  /** Where an escape begins that the end cuts off, and with it the view ends; else the length of the original. */
  readonly openFrom: number;
}

const PERCENT = 0x25;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const SLASH = 0x2f;
const LONGEST_ESCAPE = 12;
const SHORT_ESCAPES = new Map(
  [...'"\\/bfnrt'].map((letter, index) => [letter.charCodeAt(0), Buffer.from('"\\/\b\f\n\r\t').readUInt8(index)]),
);

/** Whether there is anything that `JSON.stringify` and a plain search would not cover. */
export function hasEscapes(data: Buffer): boolean {
  if (data.includes(PERCENT)) return true;
  for (let at = data.indexOf(BACKSLASH); at !== -1; at = data.indexOf(BACKSLASH, at + 2)) {
    const next = data[at + 1];
    if (next === undefined || next === LETTER_U || next === SLASH) return true;
  }
  return false;
}

export function decodeView(data: Buffer): DecodedView {
  const bytes = Buffer.allocUnsafe(data.length + 4);
  const starts = new Uint32Array(data.length + 5);
  let length = 0;
  let at = 0;
  let openFrom = data.length;
  const put = (byte: number, from: number): void => {
    bytes[length] = byte;
    starts[length] = from;
    length += 1;
  };
  while (at < data.length) {
    const byte = data[at] ?? 0;
    const coded = byte === PERCENT || byte === BACKSLASH ? readEscape(data, at) : undefined;
    if (coded === undefined) {
      put(byte, at);
      at += 1;
    } else if (coded === 'cut') {
      openFrom = at;
      break;
    } else {
      for (const decoded of coded.bytes) put(decoded, at);
      at += coded.length;
    }
  }
  starts[length] = openFrom;
  return { bytes: bytes.subarray(0, length), starts, openFrom };
}

/** The place in the original of a place in the view. An escape that is hit in part is hit whole. */
export function toOriginal({ starts }: DecodedView, { from, to }: Hit): Hit {
  const begin = starts[from] ?? 0;
  let end = to;
  // Several bytes of one escape share their start.
  while (starts[end] === starts[to - 1]) end += 1;
  return { from: begin, to: starts[end] ?? begin };
}

type Escape = { readonly bytes: Uint8Array; readonly length: number } | 'cut' | undefined;

function readEscape(data: Buffer, at: number): Escape {
  if (data[at] === PERCENT) {
    if (at + 2 >= data.length) return isHexRun(data, at + 1, data.length) ? 'cut' : undefined;
    const code = hexAt(data, at + 1, 2);
    return code === undefined ? undefined : { bytes: Uint8Array.of(code), length: 3 };
  }
  const next = data[at + 1];
  if (next === undefined) return 'cut';
  if (next !== LETTER_U) {
    const byte = SHORT_ESCAPES.get(next);
    return byte === undefined ? undefined : { bytes: Uint8Array.of(byte), length: 2 };
  }
  if (at + 6 > data.length) return isHexRun(data, at + 2, data.length) ? 'cut' : undefined;
  const unit = hexAt(data, at + 2, 4);
  if (unit === undefined) return undefined;
  const low = unit >= 0xd800 && unit < 0xdc00 && data[at + 6] === BACKSLASH ? hexAt(data, at + 8, 4) : undefined;
  const text = low === undefined ? String.fromCharCode(unit) : String.fromCharCode(unit, low);
  return { bytes: Buffer.from(text), length: low === undefined ? 6 : LONGEST_ESCAPE };
}

function hexAt(data: Buffer, at: number, digits: number): number | undefined {
  let value = 0;
  for (let i = at; i < at + digits; i += 1) {
    const digit = hexDigit(data[i] ?? 0);
    if (digit < 0) return undefined;
    value = value * 16 + digit;
  }
  return value;
}

function isHexRun(data: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i += 1) if (hexDigit(data[i] ?? 0) < 0) return false;
  return true;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
