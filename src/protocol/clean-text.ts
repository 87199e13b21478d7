/**
 * Takes out of a text what a person cannot see but a model reads: tag characters, zero width and bidi controls, control
 * characters, invisible fillers and operators, private and unassigned code points, stray variation selectors, half
 * surrogates. What writing needs stays: tab and line ends, emoji with their joiners and selectors, the three flags that
 * are spelled in tag characters, Arabic number signs, and the joiners of Arabic and Indic scripts, one at a time. Line
 * and paragraph separators become line feeds.
 *
 * Contract: idempotent; never lengthens; a text without such characters comes back as it is.
 */
export function cleanText(text: string): string {
  if (PLAIN.test(text)) return text;
  return text
    .replace(LINE_SEPARATORS, '\n')
    .replace(FLAG_OR_INVISIBLE, (found, flag: string | undefined) => (flag === undefined ? '' : found))
    .replace(STRAY_SELECTOR, '')
    .replace(JOINER, (joiner: string, offset: number, whole: string) =>
      isNeeded(joiner, offset, whole) ? joiner : '',
    );
}

/** Whether a text holds nothing that `cleanText` would take out. */
export const isClean = (text: string): boolean => cleanText(text) === text;

/**
 * The same text with everything that cannot be seen spelled out (`<U+202E>`), for a person who must see the exact value:
 * what is left out of an approval would be approved unseen.
 */
export function revealText(text: string): string {
  const kept = cleanText(text);
  if (kept === text) return text;
  // What cleaning leaves is the text with some characters missing, in the same order: the missing ones are spelled out.
  const rest = Array.from(kept);
  return Array.from(text, (character) => {
    const isSeparator = character === '\u2028' || character === '\u2029';
    if (rest[0] !== (isSeparator ? '\n' : character)) return spell(character);
    rest.shift();
    return isSeparator ? spell(character) : character;
  }).join('');
}

const spell = (character: string): string =>
  `<U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`;

const PLAIN = /^[\t\n\r\x20-\x7e]*$/;
const LINE_SEPARATORS = /[\u2028\u2029]/gu;

/** Format characters that are seen: number signs of Arabic, Syriac and Kaithi. Joiners are judged by their neighbours. */
const KEPT = String.raw`\t\n\r\u0600-\u0605\u06DD\u070F\u0890\u0891\u08E2\u{110BD}\u{110CD}\u200C\u200D`;
const FILLERS = String.raw`\u034F\u115F\u1160\u17B4\u17B5\u180B-\u180F\u2800\u3164\uFE00-\uFE0D\uFFA0\uFFFC\u{E0100}-\u{E01EF}`;
/** England, Scotland and Wales: the only sequences of tag characters that are recommended for interchange. */
const FLAGS = ['gbeng', 'gbsct', 'gbwls'].map(
  (name) =>
    `\u{1F3F4}${Array.from(name, (letter) => String.fromCodePoint(0xe0000 + letter.charCodeAt(0))).join('')}\u{E007F}`,
);
const FLAG_OR_INVISIBLE = new RegExp(
  String.raw`(${FLAGS.join('|')})|(?![${KEPT}])[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}${FILLERS}]`,
  'gu',
);

/** A text or emoji selector means something only right after a character that has both forms. */
const STRAY_SELECTOR = /(?<![\p{Emoji}\p{Extended_Pictographic}])[\uFE0E\uFE0F]/gu;

const JOINING_SCRIPTS = [
  ...['Arabic', 'Syriac', 'Nko', 'Mandaic', 'Mongolian', 'Devanagari', 'Bengali', 'Gurmukhi', 'Gujarati', 'Oriya'],
  ...['Tamil', 'Telugu', 'Kannada', 'Malayalam', 'Sinhala', 'Khmer', 'Myanmar', 'Tibetan'],
]
  .map((script) => String.raw`\p{Script=${script}}`)
  .join('');
const JOINER = /[\u200C\u200D]/g;
const AFTER_JOINING_LETTER = new RegExp(String.raw`[${JOINING_SCRIPTS}]\p{Mn}*$`, 'u');
const AFTER_EMOJI = /[\p{Extended_Pictographic}\p{Emoji_Modifier}]\uFE0F?$/u;
const BEFORE_EMOJI = /^\p{Extended_Pictographic}/u;
const NEIGHBOURHOOD = 16;

/** A joiner is needed after a letter of a script that joins, or between two emoji; a run of them is a hidden message. */
function isNeeded(joiner: string, offset: number, whole: string): boolean {
  const before = whole.slice(Math.max(0, offset - NEIGHBOURHOOD), offset);
  const after = whole.slice(offset + 1, offset + 3);
  if (after.startsWith('\u200C') || after.startsWith('\u200D')) return false;
  if (AFTER_JOINING_LETTER.test(before)) return true;
  return joiner === '\u200D' && AFTER_EMOJI.test(before) && BEFORE_EMOJI.test(after);
}
