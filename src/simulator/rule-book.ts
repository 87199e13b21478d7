import type { Conversation, ToolTurn, Turn } from './conversation.ts';
import { newTurns } from './conversation.ts';
import type { Answer, Count, Rule, Scenario, When } from './scenario.ts';
import { Rule as RuleSchema } from './scenario.ts';
import type { TemplateScope } from './template.ts';
import { parseJson } from './template.ts';

/** The rule that answers a conversation, and what its templates may use. */
export interface Choice {
  readonly rule: string;
  readonly answer: Answer;
  readonly scope: TemplateScope;
}

export interface RuleBook {
  choose(conversation: Conversation): Choice;
  /** Forgets how often rules were used and how many calls came. */
  reset(): void;
}

type Captures = Record<string, string>;

const FALLBACK: Rule = RuleSchema.parse({
  name: 'fallback',
  answer: { text: 'This is the Holdfast simulator. No rule of the loaded scenario matches what you sent.' },
});

export function createRuleBook(scenarios: readonly Scenario[]): RuleBook {
  const uses = new Map<Rule, number>();
  let calls = 0;
  return {
    choose(conversation) {
      calls += 1;
      for (const { rule, name } of rulesFor(scenarios, conversation.model)) {
        if (rule.times !== undefined && (uses.get(rule) ?? 0) >= rule.times) continue;
        const captures = matchWhen(rule.when, conversation, calls);
        if (captures === undefined) continue;
        uses.set(rule, (uses.get(rule) ?? 0) + 1);
        const all = { ...captures, ...extractAll(rule, conversation) };
        return { rule: name, answer: rule.answer, scope: { captures: all, conversation, call: calls } };
      }
      return { rule: 'fallback', answer: FALLBACK.answer, scope: { captures: {}, conversation, call: calls } };
    },
    reset() {
      uses.clear();
      calls = 0;
    },
  };
}

function rulesFor(scenarios: readonly Scenario[], model: string): { rule: Rule; name: string }[] {
  return scenarios
    .filter((scenario) => scenario.models === undefined || scenario.models.includes(model))
    .flatMap((scenario) =>
      scenario.rules.map((rule, index) => ({ rule, name: `${scenario.name}/${rule.name ?? index}` })),
    );
}

/** The captures when all conditions hold, else `undefined`. */
function matchWhen(when: When, conversation: Conversation, call: number): Captures | undefined {
  if (!matchesFacts(when, conversation, call)) return undefined;
  const fresh = newTurns(conversation.turns);
  const found = [
    matchPattern(when.model, conversation.model),
    matchPattern(when.user, fresh.findLast((turn) => turn.role === 'user')?.text),
    matchPattern(when.request, conversation.turns.findLast((turn) => turn.role === 'user')?.text),
    matchToolResult(when.toolResult, fresh),
  ];
  const captures: Captures = {};
  for (const part of found) {
    if (part === undefined) return undefined;
    Object.assign(captures, part);
  }
  return captures;
}

function matchesFacts(when: When, conversation: Conversation, call: number): boolean {
  const results = conversation.turns.filter((turn) => turn.role === 'tool').length;
  const step = conversation.turns.filter((turn) => turn.role === 'assistant').length + 1;
  return (
    (when.wire === undefined || when.wire === conversation.wire) &&
    (when.system === undefined || conversation.system.includes(when.system)) &&
    (when.tools ?? []).every((tool) => conversation.tools.includes(tool)) &&
    !(when.withoutTools ?? []).some((tool) => conversation.tools.includes(tool)) &&
    matchesCount(when.toolResults, results) &&
    matchesCount(when.step, step) &&
    matchesCount(when.call, call)
  );
}

function matchesCount(count: Count | undefined, value: number): boolean {
  if (count === undefined) return true;
  if (typeof count === 'number') return count === value;
  return value >= (count.min ?? 0) && value <= (count.max ?? Number.POSITIVE_INFINITY);
}

function matchPattern(source: string | undefined, text: string | undefined): Captures | undefined {
  if (source === undefined) return {};
  if (text === undefined) return undefined;
  const match = new RegExp(source, 'iu').exec(text);
  return match === null ? undefined : groupsOf(match);
}

function groupsOf(match: RegExpExecArray): Captures {
  const groups: [string, string | undefined][] = Object.entries(match.groups ?? {});
  return Object.fromEntries(groups.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

function matchToolResult(wanted: When['toolResult'], fresh: readonly Turn[]): Captures | undefined {
  if (wanted === undefined) return {};
  const results = fresh.filter(
    (turn): turn is ToolTurn => turn.role === 'tool' && (wanted.tool === undefined || wanted.tool === turn.tool),
  );
  for (const result of results.toReversed()) {
    const captures = matchPattern(wanted.matches, result.text);
    if (captures !== undefined && hasFields(result.text, wanted.json)) return captures;
  }
  return undefined;
}

function hasFields(text: string, fields: Record<string, unknown> | undefined): boolean {
  if (fields === undefined) return true;
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(fields).every(([key, wanted]) => Reflect.get(value, key) === wanted);
}

function extractAll(rule: Rule, conversation: Conversation): Captures {
  const captures: Captures = {};
  for (const extract of rule.extract) {
    const texts = textsOf(extract.from, extract.tool, conversation);
    const found = texts
      .toReversed()
      .map((text) => matchPattern(extract.matches, text))
      .find((match) => match !== undefined);
    Object.assign(captures, found);
  }
  return captures;
}

function textsOf(from: string, tool: string | undefined, conversation: Conversation): string[] {
  if (from === 'system') return [conversation.system];
  const role = from === 'tool-result' ? 'tool' : from;
  return conversation.turns
    .filter((turn) => turn.role === role && (tool === undefined || (turn.role === 'tool' && turn.tool === tool)))
    .map((turn) => turn.text);
}
