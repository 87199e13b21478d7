/** The few parts of DER (X.690) that a certificate is made of. Only writes. */
export type Der = Buffer;

const CONSTRUCTED = 0x20;
const CONTEXT = 0x80;

function tagged(tag: number, content: Buffer): Der {
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>= 8) bytes.unshift(rest & 0xff);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

export const sequence = (...parts: readonly Der[]): Der => tagged(0x30, Buffer.concat(parts));
export const setOf = (...parts: readonly Der[]): Der => tagged(0x31, Buffer.concat(parts));
export const boolean = (value: boolean): Der => tagged(0x01, Buffer.from([value ? 0xff : 0]));
export const octets = (content: Buffer): Der => tagged(0x04, content);
export const utf8 = (text: string): Der => tagged(0x0c, Buffer.from(text));

/** An unsigned number of any size. */
export function integer(bytes: Buffer): Der {
  let at = 0;
  while (at < bytes.length - 1 && bytes[at] === 0) at += 1;
  const short = bytes.subarray(at);
  return tagged(0x02, (short[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), short]) : short);
}

export function bits(content: Buffer, unused = 0): Der {
  return tagged(0x03, Buffer.concat([Buffer.from([unused]), content]));
}

export function objectId(text: string): Der {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  return tagged(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let rest = value >> 7; rest > 0; rest >>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}

/** `[n]` around something, or in place of its tag. */
export const explicit = (n: number, content: Der): Der => tagged(CONTEXT | CONSTRUCTED | n, content);
export const implicit = (n: number, content: Buffer): Der => tagged(CONTEXT | n, content);

/** UTCTime until 2049, GeneralizedTime from then on, as RFC 5280 wants it. */
export function time(at: Date): Der {
  const text = `${at.toISOString().replaceAll(/[-:T]|\.\d{3}/g, '')}`;
  return at.getUTCFullYear() < 2_050 ? tagged(0x17, Buffer.from(text.slice(2))) : tagged(0x18, Buffer.from(text));
}
