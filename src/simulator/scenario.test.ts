import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Conversation, Turn } from './conversation.ts';
import { guideScenario } from './guide/guide.ts';
import { createRuleBook, type RuleBook } from './rule-book.ts';
import { parseScenario, type ScenarioInput } from './scenario.ts';
import { renderTemplate } from './template.ts';

const conversation = (turns: Turn[], more: Partial<Conversation> = {}): Conversation => ({
  wire: 'openai-chat',
  model: 'm',
  system: '',
  turns,
  tools: [],
  stream: false,
  maxOutputTokens: undefined,
  reasoning: 'shown',
  asks: new Set(),
  toolChars: 0,
  ...more,
});
const user = (text: string): Turn => ({ role: 'user', text });
const assistant = (text = ''): Turn => ({ role: 'assistant', text, calls: [] });
const tool = (name: string, text: string): Turn => ({ role: 'tool', callId: 'c', tool: name, text });

function book(...rules: ScenarioInput['rules']): RuleBook {
  const parsed = parseScenario({ name: 's', rules });
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  return createRuleBook([parsed.scenario]);
}
const chosen = (rules: RuleBook, given: Conversation): string => {
  const { answer, scope } = rules.choose(given);
  return renderTemplate(answer.text ?? '', scope);
};

describe('the scenario language', () => {
  it('accepts the guided tour', () => {
    expect(parseScenario(guideScenario)).toMatchObject({ ok: true });
  });

  it('accepts the example of its documentation', async () => {
    const page = await readFile(join(import.meta.dirname, '../../docs/simulator.md'), 'utf8');
    const example = /```json\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    expect(parseScenario(JSON.parse(example))).toMatchObject({ ok: true });
  });

  it('reports all problems at once, each with its path', () => {
    const parsed = parseScenario({
      name: '',
      extra: 1,
      rules: [
        { when: { user: '(' }, answer: {} },
        { when: { colour: 'red' }, answer: { text: 'x', paceMs: -1 } },
        { answer: { fault: { type: 'explode' } } },
      ],
    });
    const problems = parsed.ok ? [] : parsed.problems;
    expect(problems).toHaveLength(6);
    for (const path of [
      'name:',
      'rules.0.when.user:',
      'rules.1.when:',
      'rules.1.answer.paceMs:',
      'rules.2.answer.fault.type:',
    ])
      expect(problems.join('\n')).toContain(path);
  });

  it('finds misspelt template names and filters when it is loaded', () => {
    const parsed = parseScenario({
      name: 's',
      rules: [
        {
          when: { user: 'go to (?<place>\\w+)' },
          answer: {
            text: '{{plaice}} {{place|shell}}',
            toolCalls: [{ tool: 't', arguments: { deep: [{ x: '{{nope}}' }] } }],
          },
        },
      ],
    });
    expect(parsed.ok ? [] : parsed.problems).toEqual([
      'rules.0.answer: the template uses {{plaice}}, which no pattern captures',
      'rules.0.answer: the template uses the unknown filter shell',
      'rules.0.answer: the template uses {{nope}}, which no pattern captures',
    ]);
  });
});

describe('the rules', () => {
  it('match new user texts once, and captures reach the template', () => {
    const rules = book(
      { when: { user: 'order (?<what>\\w+)' }, answer: { text: 'ordering {{what}}' } },
      { when: { request: 'order (?<what>\\w+)' }, answer: { text: '{{what}} is under way, step {{step}}' } },
    );
    expect(chosen(rules, conversation([user('ORDER tea')]))).toBe('ordering tea');
    expect(chosen(rules, conversation([user('order tea'), assistant(), tool('buy', 'ok')]))).toBe(
      'tea is under way, step 2',
    );
  });

  it('match tool results by tool, text and JSON fields, also when a note follows them', () => {
    const rules = book(
      {
        when: { toolResult: { tool: 'a', json: { status: 'result' } } },
        answer: { text: 'got {{result.json.list.1.name}}' },
      },
      {
        when: { toolResult: { matches: 'den(?<rest>ied)' } },
        answer: { text: 'no: {{rest}} {{tools.a.text|clip:3}}' },
      },
    );
    const result = tool('a', '{"status":"result","list":[0,{"name":"file"}]}');
    expect(chosen(rules, conversation([user('x'), assistant(), result, user('note')]))).toBe('got file');
    expect(chosen(rules, conversation([user('x'), assistant(), tool('a', 'denied')]))).toBe('no: ied den…');
    expect(chosen(rules, conversation([user('x'), assistant(), result, assistant(), user('y')]))).toContain(
      'simulator',
    );
  });

  it('match on system prompt, tools, model, wire, step, call and number of results', () => {
    const rules = book(
      { when: { system: 'worker', tools: ['run'], withoutTools: ['spawn'] }, answer: { text: 'worker' } },
      { when: { model: '^big-(?<size>\\d+)$' }, answer: { text: 'size {{size}}' } },
      { when: { wire: 'google-generate' }, answer: { text: 'google' } },
      { when: { toolResults: { min: 2 } }, answer: { text: 'two results' } },
      { when: { step: 2 }, answer: { text: 'second' } },
      { when: { call: { max: 6 } }, answer: { text: 'early call {{call}}' } },
    );
    expect(chosen(rules, conversation([], { system: 'a worker', tools: ['run'] }))).toBe('worker');
    expect(chosen(rules, conversation([], { model: 'big-7' }))).toBe('size 7');
    expect(chosen(rules, conversation([], { wire: 'google-generate' }))).toBe('google');
    expect(chosen(rules, conversation([tool('a', ''), tool('a', '')]))).toBe('two results');
    expect(chosen(rules, conversation([user('a'), assistant(), user('b')]))).toBe('second');
    expect(chosen(rules, conversation([], { system: 'worker', tools: ['run', 'spawn'] }))).toBe('early call 6');
    expect(chosen(rules, conversation([]))).toContain('No rule');
    rules.reset();
    expect(chosen(rules, conversation([]))).toBe('early call 1');
  });

  it('are used up after `times`', () => {
    const rules = book({ times: 2, answer: { text: 'limited' } }, { answer: { text: 'after' } });
    const said = [1, 2, 3].map(() => chosen(rules, conversation([user('x')])));
    expect(said).toEqual(['limited', 'limited', 'after']);
  });

  it('extract from anything said before, newest first', () => {
    const rules = book({
      extract: [
        { from: 'tool-result', tool: 'count', matches: 'files=(?<files>\\d+)' },
        { from: 'user', matches: 'Folders: (?<folder>\\S+)' },
        { from: 'system', matches: 'name is (?<name>\\w+)' },
      ],
      answer: { text: '{{name}} saw {{files}} in {{folder|basename}} {{folder|sh}} {{folder|json}}' },
    });
    const turns = [
      user("Folders: /work/it's"),
      assistant(),
      tool('count', 'files=3'),
      tool('count', 'files=4'),
      tool('other', 'files=9'),
    ];
    expect(chosen(rules, conversation(turns, { system: 'Your name is Ada' }))).toBe(
      `Ada saw 4 in it's '/work/it'\\''s' "/work/it's"`,
    );
  });
});
