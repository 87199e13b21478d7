/**
 * A table that a spreadsheet may open: a cell that would be taken for a formula gets an apostrophe in front, which every
 * spreadsheet reads as "this is text". Plain numbers stay. Works on bytes that no parser agreed on: every place where some
 * program could see a cell begin counts, quoted or not.
 */
export function neutraliseCsv(text: string): string {
  return text.replace(CELL, (whole, start: string, quote: string, space: string, rest: string) =>
    NUMBER.test(rest) ? whole : `${start}${quote}'${space}${rest}`,
  );
}

/** Start of the text, of a line or of a cell; then spaces, then a character that opens a formula. Full width ones count. */
const CELL = /(^|[\r\n,;\t|])("?)([ \u00a0\ufeff]*)([=+\-@\uff1d\uff0b\uff0d\uff20][^\r\n,;\t|"]*)/g;
const NUMBER = /^[+-]?(?:\d{1,3}(?:[ ']?\d{3})*|\d+)?(?:\.\d+)?(?:e[+-]?\d+)?\s*%?$/i;
