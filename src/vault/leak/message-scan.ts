import { masked, merged } from '../secret-guard.ts';
import { type DecodedView, decodeView, hasEscapes, toOriginal } from './decoded-view.ts';
import { formsOf } from './forms.ts';
import { findPacked } from './packed.ts';
import { buildTable, type Hit, type PatternTable, searchAll } from './pattern-table.ts';
import { type CutForm, createGramFilter, cutForms, findPieces, SHORTEST_PIECE } from './pieces.ts';

/**
 * Takes every known value out of one message, which may be several texts. Beside the forms that the guard of streams knows
 * it opens gzip and finds values that were cut into up to four pieces. It never refuses: what is left can be shown.
 */
export interface MessageScanner {
  clean(texts: readonly string[]): CleanMessage;
}

export interface CleanMessage {
  readonly texts: readonly string[];
  /** How many places were taken out. */
  readonly found: number;
}

/** After one cut is taken out another one may show. */
const MOST_ROUNDS = 8;
const PIECES_IN_ARCHIVES = 1;

export function createMessageScanner(values: readonly string[]): MessageScanner {
  const forms = [...new Set(values)].flatMap(formsOf);
  if (forms.length === 0) return { clean: (texts) => ({ texts, found: 0 }) };
  const tables: Tables = { table: buildTable(forms.map(({ bytes }) => bytes)), cuts: cutForms(forms) };
  return { clean: (texts) => clean(tables, texts) };
}

interface Tables {
  readonly table: PatternTable;
  readonly cuts: readonly CutForm[];
}

function clean(tables: Tables, texts: readonly string[]): CleanMessage {
  let found = 0;
  let parts: readonly Buffer[] = texts.map((text) => Buffer.from(text));
  const replace = (hitsOf: (part: Part) => readonly Hit[]): number => {
    let count = 0;
    parts = parts.map((bytes) => {
      const hits = merged(hitsOf(partOf(bytes)));
      count += hits.length;
      return hits.length === 0 ? bytes : masked(bytes, hits, bytes.length);
    });
    found += count;
    return count;
  };
  replace((part) => wholeHits(tables, part));
  replace((part) => packedHits(tables, part));
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const pieces = piecesIn(tables, parts.map(partOf));
    if (pieces.length === 0 || replace((part) => pieceHits(part, pieces)) === 0) break;
  }
  return { texts: found === 0 ? texts : parts.map((bytes) => bytes.toString('utf8')), found };
}

/** One text, with its escapes undone where it has any. */
interface Part {
  readonly bytes: Buffer;
  readonly view: DecodedView | undefined;
}

function partOf(bytes: Buffer): Part {
  return { bytes, view: hasEscapes(bytes) ? decodeView(bytes) : undefined };
}

function wholeHits({ table }: Tables, { bytes, view }: Part): Hit[] {
  const plain = searchAll(table, bytes);
  return view ? [...plain, ...searchAll(table, view.bytes).map((hit) => toOriginal(view, hit))] : plain;
}

function packedHits(tables: Tables, { bytes, view }: Part): Hit[] {
  const guilty = (text: string): Hit[] =>
    findPacked(text).filter(({ contents }) => contents === undefined || holds(tables, contents));
  const plain = guilty(bytes.toString('latin1'));
  return view ? [...plain, ...guilty(view.bytes.toString('latin1')).map((hit) => toOriginal(view, hit))] : plain;
}

/** Whether a value stands in there, whole or in pieces, or in an archive inside. */
function holds(tables: Tables, contents: Buffer, depth = PIECES_IN_ARCHIVES): boolean {
  const part = partOf(contents);
  if (wholeHits(tables, part).length > 0 || piecesIn(tables, [part]).length > 0) return true;
  if (depth === 0) return false;
  const inner = findPacked(contents.toString('latin1'));
  return inner.some((archive) => archive.contents === undefined || holds(tables, archive.contents, depth - 1));
}

function piecesIn({ cuts }: Tables, parts: readonly Part[]): readonly string[] {
  const texts = parts.flatMap(({ bytes, view }) =>
    [bytes, ...(view ? [view.bytes] : [])].map((data) => data.toString('latin1')),
  );
  const filter = createGramFilter(texts);
  const pieces = cuts.flatMap((form) => findPieces(form, filter) ?? []);
  return [...new Set(pieces)].filter((piece) => piece.length >= SHORTEST_PIECE);
}

function pieceHits({ bytes, view }: Part, pieces: readonly string[]): Hit[] {
  const plain = occurrences(bytes.toString('latin1'), pieces);
  return view
    ? [...plain, ...occurrences(view.bytes.toString('latin1'), pieces).map((hit) => toOriginal(view, hit))]
    : plain;
}

function occurrences(text: string, pieces: readonly string[]): Hit[] {
  return pieces.flatMap((piece) => {
    const hits: Hit[] = [];
    for (let at = text.indexOf(piece); at !== -1; at = text.indexOf(piece, at + 1))
      hits.push({ from: at, to: at + piece.length });
    return hits;
  });
}
