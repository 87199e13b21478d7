import type { Conversation } from './conversation.ts';
import { lastToolResult, lastUserText, newTurns } from './conversation.ts';

/**
 * `{{name}}` in scenario texts. Names: captures of the rule's patterns, `user`, `model`, `step`, `call`, `result.text`,
 * `result.json.<path>` (the newest tool result) and `tools.<tool>.text` or `tools.<tool>.json.<path>`. Filters:
 * `{{folder|sh}}` quotes for a shell, `|json` for JSON, `|basename`, `|clip:200`. What is absent becomes nothing.
 */
export interface TemplateScope {
  readonly captures: Readonly<Record<string, string>>;
  readonly conversation: Conversation;
  readonly call: number;
}

const PLACEHOLDER = /\{\{\s*([\w.-]+)\s*((?:\|\s*[a-z]+(?::\d+)?\s*)*)\}\}/g;

export function renderTemplate(template: string, scope: TemplateScope): string {
  return template.replace(PLACEHOLDER, (_all, name: string, filters: string) =>
    applyFilters(lookUp(name, scope), filters),
  );
}

/** Renders every string inside a JSON value. */
export function renderValue(value: unknown, scope: TemplateScope): unknown {
  if (typeof value === 'string') return renderTemplate(value, scope);
  if (Array.isArray(value)) return value.map((item) => renderValue(item, scope));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, renderValue(item, scope)]));
}

/** Names and filters that a template uses, for the check at load time. */
export function templateNames(template: string): { name: string; filters: string[] }[] {
  return [...template.matchAll(PLACEHOLDER)].map((match) => ({
    name: match[1] ?? '',
    filters: splitFilters(match[2] ?? '').map((filter) => filter.split(':')[0] ?? ''),
  }));
}

export const FILTERS: Readonly<Record<string, (text: string, argument: string) => string>> = {
  sh: (text) => `'${text.replaceAll("'", `'\\''`)}'`,
  json: (text) => JSON.stringify(text),
  basename: (text) => text.replace(/\/+$/, '').split('/').at(-1) ?? text,
  clip: (text, argument) => (text.length > Number(argument) ? `${text.slice(0, Number(argument))}…` : text),
};

function applyFilters(text: string, filters: string): string {
  return splitFilters(filters).reduce((value, filter) => {
    const [name = '', argument = '200'] = filter.split(':');
    return FILTERS[name]?.(value, argument) ?? value;
  }, text);
}

function splitFilters(filters: string): string[] {
  return filters
    .split('|')
    .map((filter) => filter.trim())
    .filter((filter) => filter !== '');
}

function lookUp(name: string, scope: TemplateScope): string {
  const captured = Object.hasOwn(scope.captures, name) ? scope.captures[name] : undefined;
  if (captured !== undefined) return captured;
  const { conversation } = scope;
  const [root = '', ...path] = name.split('.');
  if (root === 'user') return lastUserText(conversation.turns) ?? '';
  if (root === 'model') return conversation.model;
  if (root === 'call') return String(scope.call);
  if (root === 'step') return String(conversation.turns.filter((turn) => turn.role === 'assistant').length + 1);
  if (root === 'result') return fieldOf(lastToolResult(newTurns(conversation.turns))?.text, path);
  if (root === 'tools') return fieldOf(lastToolResult(conversation.turns, path[0])?.text, path.slice(1));
  return '';
}

function fieldOf(text: string | undefined, path: readonly string[]): string {
  if (text === undefined) return '';
  if (path[0] !== 'json') return unmarked(text);
  const value = path.slice(1).reduce<unknown>(child, parseJson(text));
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The lines that Holdfast puts around a stranger's words. A model reads through them, and so does its stand-in. */
const MARKED = /^[^\n]*\n----- outside text (\S+) begins -----\n(.*)\n----- outside text \1 ends -----/s;

const unmarked = (text: string): string => MARKED.exec(text)?.[2] ?? text;

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(unmarked(text));
  } catch {
    return undefined; // Not JSON: then it has no fields.
  }
}

function child(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return Reflect.get(value, key);
}
