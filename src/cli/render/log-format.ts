import type { LogLine } from './log-lines.ts';
import type { Paint } from './paint.ts';
import { plainText } from './plain-text.ts';

/** `12:01:02 host warn message key=value`; a line that is not JSON is shown as it is. */
export function logFormatter(paint: Paint): (line: LogLine) => string {
  return (line) => {
    const entry = parse(line.text);
    if (entry === undefined) return `${paint.dim(line.name.padEnd(10))} ${flat(line.text)}`;
    const { at, level, name, message, ...fields } = entry;
    const colour = level === 'error' ? paint.red : level === 'warn' ? paint.yellow : (text: string) => text;
    const time = new Date(typeof at === 'string' || typeof at === 'number' ? at : Number.NaN);
    const clock = Number.isNaN(time.getTime()) ? '--------' : time.toISOString().slice(11, 19);
    const rest = Object.entries(fields).map(([key, value]) => `${key}=${show(value)}`);
    const head = `${paint.dim(clock)} ${flat(String(name ?? line.name)).padEnd(10)} ${colour(flat(String(level)).padEnd(5))}`;
    return `${head} ${flat(String(message))} ${paint.dim(flat(rest.join(' ')))}`.trimEnd();
  };
}

/** One entry is one line: a value with a line end in it must not look like another entry. */
const flat = (text: string): string => plainText(text).replaceAll('\n', ' ⏎ ');

function show(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function parse(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'message' in value ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
