import type { JsonValue } from '../protocol/json.ts';

/**
 * Whether a person wrote these arguments themself: every text and number in them stands in one of their messages of this
 * conversation, as a whole. Then no stranger chose anything but the moment. Case and runs of blanks do not matter.
 */
export function isSaid(input: JsonValue, messages: readonly string[]): boolean {
  const leaves = leavesOf(input);
  if (leaves.length === 0) return false;
  const said = messages.map(plain);
  return leaves.every((leaf) => said.some((message) => hasWhole(message, plain(leaf))));
}

/** Longer ones are not looked for: nobody types them twice. */
const LONGEST = 2_000;

function hasWhole(message: string, wanted: string): boolean {
  if (wanted === '' || wanted.length > LONGEST) return false;
  for (let at = message.indexOf(wanted); at >= 0; at = message.indexOf(wanted, at + 1)) {
    if (stands(message, at, at + wanted.length)) return true;
  }
  return false;
}

function stands(message: string, from: number, to: number): boolean {
  const [before, after] = [message[from - 1], message[to]];
  // A full stop ends a sentence; within a name it does not end the name.
  return !isWord(before) && before !== '.' && !isWord(after) && !(after === '.' && isWord(message[to + 1]));
}

/** A letter, a digit, or what joins them to a longer name: part of `evil.example.org` is not that name. */
const isWord = (character: string | undefined): boolean =>
  character !== undefined && /[\p{L}\p{N}_@/-]/u.test(character);

const plain = (text: string): string => text.toLowerCase().replaceAll(/\s+/g, ' ').trim();

/** Truths and what is absent say nothing that could be chosen. */
function leavesOf(value: JsonValue): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'number') return [String(value)];
  if (Array.isArray(value)) return value.flatMap(leavesOf);
  if (value !== null && typeof value === 'object') return Object.values(value).flatMap(leavesOf);
  return [];
}
