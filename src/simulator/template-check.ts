import type { Answer, Rule } from './scenario.ts';
import { FILTERS, templateNames } from './template.ts';

const BUILT_IN = /^(user|model|step|call|result\.(text|json(\.[\w-]+)*)|tools\.[\w-]+\.(text|json(\.[\w-]+)*))$/;
const GROUP = /\(\?<([A-Za-z_]\w*)>/g;

/** A misspelt name in a template is found when the file is loaded, not in the middle of a conversation. */
export function templateProblems(rule: Rule): string[] {
  const patterns = [rule.when.user, rule.when.request, rule.when.model, rule.when.toolResult?.matches];
  const sources = [...patterns, ...rule.extract.map((extract) => extract.matches)];
  const captures = new Set(sources.flatMap((source) => [...(source ?? '').matchAll(GROUP)].map((match) => match[1])));
  return templatesOf(rule.answer).flatMap((template) =>
    templateNames(template).flatMap(({ name, filters }) => [
      ...(captures.has(name) || BUILT_IN.test(name)
        ? []
        : [`the template uses {{${name}}}, which no pattern captures`]),
      ...filters
        .filter((filter) => !(filter in FILTERS))
        .map((filter) => `the template uses the unknown filter ${filter}`),
    ]),
  );
}

function templatesOf(answer: Answer): string[] {
  return [
    answer.text ?? '',
    answer.reasoning ?? '',
    ...answer.toolCalls.flatMap((call) => Object.values(call).flatMap(stringsIn)),
  ];
}

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}
