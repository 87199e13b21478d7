import { HoldfastError } from '../protocol/error.ts';
import { closest } from './closest.ts';
import type { Flag } from './command.ts';

/** Parsed words of a command line. */
export interface Arguments {
  readonly words: readonly string[];
  has(flag: string): boolean;
  text(flag: string): string | undefined;
  /** The flag as a number of at least `least`; anything else is refused by name. */
  number(flag: string, least: number): number | undefined;
}

const HELP: Flag = { name: 'help', short: 'h', help: '' };

/** Reads `--flag`, `--flag value`, `--flag=value`, `-f`, and `--` (everything after it is a word). */
export function parseArguments(raw: readonly string[], flags: readonly Flag[]): Arguments {
  const known = [...flags, HELP];
  const words: string[] = [];
  const values = new Map<string, string>();
  const rest = [...raw];
  for (let item = rest.shift(); item !== undefined; item = rest.shift()) {
    if (item === '--') {
      words.push(...rest.splice(0));
    } else if (!item.startsWith('-') || item === '-') {
      words.push(item);
    } else {
      readFlag(item, { known, rest, values });
    }
  }
  return argumentsOf(words, values);
}

function readFlag(item: string, state: { known: readonly Flag[]; rest: string[]; values: Map<string, string> }): void {
  const equals = item.indexOf('=');
  const spelled = equals < 0 ? item : item.slice(0, equals);
  const flag = state.known.find((one) => `--${one.name}` === spelled || (one.short && `-${one.short}` === spelled));
  if (flag === undefined) throw unknownFlag(spelled, state.known);
  if (flag.value === undefined) {
    if (equals >= 0) throw bad(`--${flag.name} takes no value`, `Write it as --${flag.name}.`);
    state.values.set(flag.name, '');
    return;
  }
  const value = equals < 0 ? state.rest.shift() : item.slice(equals + 1);
  if (value === undefined || (equals < 0 && /^--[a-z]/.test(value)))
    throw bad(`--${flag.name} needs a value`, `Write it as --${flag.name} ${flag.value}.`);
  state.values.set(flag.name, value);
}

function argumentsOf(words: readonly string[], values: ReadonlyMap<string, string>): Arguments {
  return {
    words,
    has: (flag) => values.has(flag),
    text: (flag) => values.get(flag),
    number: (flag, least) => {
      const text = values.get(flag);
      if (text === undefined) return undefined;
      const value = text.trim() === '' ? Number.NaN : Number(text);
      if (!Number.isFinite(value) || value < least)
        throw bad(`--${flag} is "${text}"`, `Give a number of at least ${least}.`);
      return value;
    },
  };
}

function unknownFlag(spelled: string, known: readonly Flag[]): HoldfastError {
  const near = closest(
    spelled.replace(/^-+/, ''),
    known.map((flag) => flag.name),
  );
  return bad(`unknown flag ${spelled}`, near ? `Did you mean --${near}?` : 'See --help for the flags it takes.');
}

function bad(message: string, remedy: string): HoldfastError {
  return new HoldfastError('bad-request', message, { remedy });
}
