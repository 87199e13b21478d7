import { readFile } from 'node:fs/promises';
import type { Home } from '../base/home.ts';
import { type ConfigProblem, type HoldfastConfig, parseConfig } from '../protocol/config.ts';
import { HoldfastError } from '../protocol/error.ts';

export type LoadedConfig =
  | { ok: true; config: HoldfastConfig; raw: Record<string, unknown>; exists: boolean }
  | { ok: false; problems: readonly ConfigProblem[] };

/** Reads `config.json` of the home; an absent file means all defaults. */
export async function loadConfig(home: Home): Promise<LoadedConfig> {
  const text = await readText(home.configFile);
  const raw = text === undefined ? {} : parseJson(text);
  if (isProblem(raw)) return { ok: false, problems: [raw] };
  const parsed = parseConfig(raw);
  if (!parsed.ok) return parsed;
  return { ok: true, config: parsed.config, raw: isRecord(raw) ? raw : {}, exists: text !== undefined };
}

/** The config, or a thrown error that lists every problem with its path and remedy. */
export async function requireConfig(home: Home): Promise<HoldfastConfig> {
  const loaded = await loadConfig(home);
  if (loaded.ok) return loaded.config;
  const count = loaded.problems.length === 1 ? 'a problem' : `${loaded.problems.length} problems`;
  throw new HoldfastError(
    'config.invalid',
    `${home.configFile} has ${count}; nothing was started.\n${problemLines(loaded.problems).join('\n')}`,
    { remedy: 'Correct the file, then: holdfast config check' },
  );
}

export function problemLines(problems: readonly ConfigProblem[]): string[] {
  return problems.flatMap((one) => [`  ${one.path}: ${one.problem}`, `    fix: ${one.remedy}`]);
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new HoldfastError('config.unreadable', `${path} cannot be read.`, {
      remedy: `Make it readable for you: chmod 600 ${path}`,
      cause: error,
    });
  }
}

const SYNTAX = Symbol('syntax');

interface SyntaxProblem extends ConfigProblem {
  readonly [SYNTAX]: true;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const { line, column } = placeOf(text, message);
    return {
      [SYNTAX]: true,
      path: `line ${line}, column ${column}`,
      problem: `not valid JSON: ${reasonOf(message)}`,
      remedy: 'JSON wants double quotes, no comments and no comma after the last item.',
    };
  }
}

function isProblem(value: unknown): value is SyntaxProblem {
  return typeof value === 'object' && value !== null && SYNTAX in value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** V8 names the position, or says that the input ended; for an unexpected token it names neither. */
function placeOf(text: string, message: string): { line: number; column: number } {
  const found = /at position (\d+)/.exec(message)?.[1];
  const ended = message.includes('end of JSON input');
  const position = found !== undefined ? Number(found) : ended ? text.length : unexpectedTokenAt(text);
  const before = text.slice(0, position).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

/** The shortest prefix that no continuation could mend ends with the offending character. */
function unexpectedTokenAt(text: string): number {
  let good = 0;
  let wrong = text.length;
  while (wrong - good > 1) {
    const middle = Math.floor((good + wrong) / 2);
    if (couldContinue(text.slice(0, middle))) good = middle;
    else wrong = middle;
  }
  return good;
}

function couldContinue(prefix: string): boolean {
  try {
    JSON.parse(prefix);
    return true;
  } catch (error) {
    return error instanceof Error && !error.message.startsWith('Unexpected token');
  }
}

function reasonOf(message: string): string {
  const reason = message.split(/ in JSON at position| \(line|, \.\.\.|, "/)[0] ?? message;
  return reason.charAt(0).toLowerCase() + reason.slice(1);
}
