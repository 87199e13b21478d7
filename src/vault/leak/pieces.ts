import type { Form } from './forms.ts';

/**
 * A value that was cut into up to four pieces, with anything between them, in any order, in one message. Such a cut exists
 * exactly when taking the longest beginning that occurs somewhere, four times at most, covers the value; so the search is
 * exact, and the pieces it names are the ones to take out.
 *
 * Two things keep it from crying wolf: pieces that a text of this length holds by chance do not count (four digits stand
 * in every table), and neither do the pieces of a value that reads like words.
 */
export const MOST_PIECES = 4;
const GRAM = 4;
/** Below, four pieces are as short as syllables. */
const SHORTEST_CUT = 16;
/** How likely it may be that all pieces stand there by chance. */
const CHANCE = 1e-3;
/** Shorter pieces stay: taking out every such pair of letters would ruin the text, and they tell little. */
export const SHORTEST_PIECE = 3;

export interface CutForm {
  readonly text: string;
  readonly grams: Uint32Array;
  /** Letters that the value is made from, for judging chance. */
  readonly alphabet: number;
}

export function cutForms(forms: readonly Form[]): readonly CutForm[] {
  return forms
    .filter(({ bytes, wordy }) => !wordy && bytes.length >= SHORTEST_CUT)
    .map(({ bytes }) => ({ text: bytes.toString('latin1'), grams: gramsOf(bytes), alphabet: alphabetOf(bytes) }));
}

/** Every four bytes of the texts, as a set that may say yes too often and never no too often. */
export interface GramFilter {
  readonly texts: readonly string[];
  readonly length: number;
  has(gram: number): boolean;
}

export function createGramFilter(texts: readonly string[]): GramFilter {
  const length = texts.reduce((sum, text) => sum + text.length, 0);
  // Sixteen bits for each run of four, so that one in sixteen strangers is let through.
  const size = Math.min(24, Math.max(12, Math.ceil(Math.log2(length + 1)) + 4));
  const bits = new Uint32Array(2 ** size / 32);
  const hash = (gram: number): number => Math.imul(gram, 0x9e3779b1) >>> (32 - size);
  for (const text of texts) {
    for (const gram of gramsOf(Buffer.from(text, 'latin1'))) {
      const slot = hash(gram);
      bits[slot >>> 5] = (bits[slot >>> 5] ?? 0) | (1 << (slot & 31));
    }
  }
  return {
    texts,
    length,
    has: (gram) => {
      const slot = hash(gram);
      return ((bits[slot >>> 5] ?? 0) & (1 << (slot & 31))) !== 0;
    },
  };
}

/** The pieces in the order of the value, or nothing. */
export function findPieces(form: CutForm, filter: GramFilter): readonly string[] | undefined {
  // Of n bytes in p pieces at most 3p runs of four are missing, less the three at the end that do not exist anyway.
  let misses = GRAM * MOST_PIECES - MOST_PIECES - (GRAM - 1);
  for (const gram of form.grams) {
    if (filter.has(gram)) continue;
    misses -= 1;
    if (misses < 0) return undefined;
  }
  const pieces: string[] = [];
  for (let at = 0; at < form.text.length; at += pieces.at(-1)?.length ?? 0) {
    if (pieces.length === MOST_PIECES) return undefined;
    const piece = longestAt(form.text, at, filter.texts);
    if (piece === '') return undefined;
    pieces.push(piece);
  }
  return chanceOf(pieces, form.alphabet, filter.length) < CHANCE ? pieces : undefined;
}

/** By halving: if a run occurs, every beginning of it does. */
function longestAt(value: string, at: number, texts: readonly string[]): string {
  let [found, missing] = [0, value.length - at + 1];
  while (missing - found > 1) {
    const middle = (found + missing) >>> 1;
    const run = value.slice(at, at + middle);
    if (texts.some((text) => text.includes(run))) found = middle;
    else missing = middle;
  }
  return value.slice(at, at + found);
}

function chanceOf(pieces: readonly string[], alphabet: number, length: number): number {
  return pieces.reduce((chance, piece) => chance * Math.min(1, length / alphabet ** piece.length), 1);
}

function alphabetOf(bytes: Buffer): number {
  const text = bytes.toString('latin1');
  if (/^\d+$/.test(text)) return 10;
  if (/^[\da-f]+$/.test(text) || /^[\dA-F]+$/.test(text)) return 16;
  // Letters of ordinary text are far from even; a value of letters alone counts as made of few.
  return /^[A-Za-z]+$/.test(text) ? 16 : 32;
}

function gramsOf(bytes: Buffer): Uint32Array {
  const grams = new Uint32Array(Math.max(0, bytes.length - GRAM + 1));
  let gram = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    gram = ((gram << 8) | (bytes[i] ?? 0)) >>> 0;
    if (i >= GRAM - 1) grams[i - GRAM + 1] = gram;
  }
  return grams;
}
