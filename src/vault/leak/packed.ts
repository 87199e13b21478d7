import { constants, gunzipSync } from 'node:zlib';
import type { Hit } from './pattern-table.ts';

/**
 * gzip inside a message, as base64 or hex: opened as far as the limits go, so that what is packed can be searched. A cut or
 * damaged end does not matter; the beginning is enough. Whether something is an archive is tried with its first bytes, so
 * that thousands of false beginnings cost little.
 */
export interface Packed extends Hit {
  /** `undefined`: larger than is looked into, so nobody can say what is in it. */
  readonly contents: Buffer | undefined;
}

const MOST_ARCHIVES = 32;
const MOST_TRIALS = 4_096;
const MOST_BYTES = 4_194_304;
const TRIAL_CHARS = 96;
const RAW_HEAD = Buffer.from([0x1f, 0x8b, 0x08]);
const OPTIONS = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MOST_BYTES };

interface Coding {
  readonly head: RegExp;
  readonly decode: (text: string) => Buffer;
  readonly belongs: (code: number) => boolean;
}

/** `text` holds one byte per character. */
export function findPacked(text: string): readonly Packed[] {
  return [BASE64, HEX].flatMap((coding) => findCoded(text, coding));
}

function findCoded(text: string, { head, decode, belongs }: Coding): Packed[] {
  const found: Packed[] = [];
  let [trials, end] = [0, 0];
  for (const { index } of text.matchAll(head)) {
    trials += 1;
    if (found.length >= MOST_ARCHIVES || trials > MOST_TRIALS) break;
    end = index < end ? end : endOf(text, index, belongs);
    if (unpack(decode(withoutBreaks(text.slice(index, Math.min(end, index + TRIAL_CHARS))))) === undefined) continue;
    const contents = unpack(decode(withoutBreaks(text.slice(index, end))));
    if (contents === 'large') found.push({ from: index, to: end, contents: undefined });
    else if (contents?.length) found.push({ from: index, to: end, contents });
  }
  return found;
}

/** Archives that stand as they are in bytes. Where one ends is not told, so a hit reaches to the end. */
export function findRawPacked(bytes: Buffer): readonly Packed[] {
  const found: Packed[] = [];
  let trials = 0;
  for (let at = bytes.indexOf(RAW_HEAD); at !== -1; at = bytes.indexOf(RAW_HEAD, at + 1)) {
    trials += 1;
    if (found.length >= MOST_ARCHIVES || trials > MOST_TRIALS) break;
    if (unpack(bytes.subarray(at, at + TRIAL_CHARS)) === undefined) continue;
    const contents = unpack(bytes.subarray(at));
    if (contents === 'large') found.push({ from: at, to: bytes.length, contents: undefined });
    else if (contents?.length) found.push({ from: at, to: bytes.length, contents });
  }
  return found;
}

/** `undefined`: no archive. */
function unpack(bytes: Buffer): Buffer | 'large' | undefined {
  try {
    return gunzipSync(bytes, OPTIONS);
  } catch (error) {
    return error instanceof RangeError ? 'large' : undefined;
  }
}

function endOf(text: string, from: number, belongs: (code: number) => boolean): number {
  let to = from;
  while (to < text.length && belongs(text.charCodeAt(to))) to += 1;
  return to;
}

const withoutBreaks = (text: string): string => text.replace(/[\r\n]+/g, '');
const isBreak = (code: number): boolean => code === 0x0a || code === 0x0d;
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const isLetter = (code: number): boolean => (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
const BASE64_SIGNS = new Set([...'+/-_='].map((char) => char.charCodeAt(0)));

const BASE64: Coding = {
  head: /H4sI/g,
  decode: (text) => Buffer.from(text, 'base64'),
  belongs: (code) => isDigit(code) || isLetter(code) || BASE64_SIGNS.has(code) || isBreak(code),
};
const HEX: Coding = {
  head: /1f8b08/gi,
  decode: (text) => Buffer.from(text.slice(0, text.length & ~1), 'hex'),
  belongs: (code) => isDigit(code) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66) || isBreak(code),
};
