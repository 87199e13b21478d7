/**
 * Text that nobody vouches for, for a card that a person decides by: every character that cannot be seen, that turns the
 * writing round or that starts a new line is spelt out, so that the text can neither hide a part of itself nor look like
 * a line of ours.
 */
export interface Shown {
  readonly text: string;
  /** False when the middle was left out. */
  readonly whole: boolean;
}

/** Longest text a card shows whole, in characters. */
export const MOST_SHOWN = 8_000;
const TAIL = 500;

export function showBytes(text: string, most: number = MOST_SHOWN): Shown {
  if (text.length <= most) return { text: spell(text), whole: true };
  const head = Math.max(0, most - TAIL);
  const left = text.length - head - TAIL;
  return { text: `${spell(text.slice(0, head))} [… ${left} characters …] ${spell(text.slice(-TAIL))}`, whole: false };
}

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };
const FILLERS = String.raw`\u034F\u115F\u1160\u17B4\u17B5\u180B-\u180F\u2800\u3164\uFE00-\uFE0F\uFFA0\uFFFC\u{E0100}-\u{E01EF}`;
const UNSEEN = new RegExp(String.raw`[\\\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}${FILLERS}]`, 'gu');

function spell(text: string): string {
  return text.replace(UNSEEN, (character) => NAMED[character] ?? `\\u{${codeOf(character)}}`);
}

function codeOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16);
}
