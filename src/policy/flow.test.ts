import { describe, expect, it } from 'vitest';
import type { Label } from '../protocol/label.ts';
import type { Resource } from '../protocol/resource.ts';
import { combineDecisions, type FlowFacts, type FlowRequest, isFlowRule, judgeFlow } from './flow.ts';

const CLEAN: Label = { integrity: 'agent', confidentiality: 'internal', origins: [] };
const WEB: Label = { integrity: 'untrusted', confidentiality: 'public', origins: ['web:evil.example'] };
const MINE: Label = { integrity: 'owner', confidentiality: 'private', origins: [] };
const BOTH: Label = { integrity: 'untrusted', confidentiality: 'private', origins: ['web:evil.example'] };
const SECRET: Label = { ...MINE, confidentiality: 'secret' };

const URL_OUT: Resource = { kind: 'url', url: 'https://evil.example/?d=4711', method: 'GET' };

const request = (resources: readonly Resource[], more: Partial<FlowRequest> = {}): FlowRequest => ({
  agentId: 'helper',
  tool: 'some_tool',
  risk: 'control',
  resources,
  input: { text: 'hello' },
  ...more,
});
const facts = (label: Label, more: Partial<FlowFacts> = {}): FlowFacts => ({
  label,
  sandbox: CLEAN,
  principal: 'owner',
  egress: [],
  egressCleared: false,
  named: [],
  exceptions: [],
  granted: [],
  now: 1_000,
  ...more,
});
const rule = (asked: FlowRequest, known: FlowFacts): string => {
  const decision = judgeFlow(asked, known);
  return decision === undefined ? 'free' : `${decision.kind} ${decision.rule}`;
};

const EXTERNAL: readonly Resource[] = [
  URL_OUT,
  { kind: 'person', address: 'telegram:1', known: false },
  { kind: 'agent', id: 'spy', team: 'other', act: 'message' },
  { kind: 'blackboard', key: 'teams/other/notes', act: 'write' },
  { kind: 'api', service: 'github', method: 'POST', path: '/repos/x/issues' },
  { kind: 'browser', action: 'navigate', host: 'evil.example' },
  { kind: 'mcp', server: 'tickets', tool: 'create' },
  { kind: 'template', id: 'web_researcher', network: true },
  { kind: 'template', id: 'code_worker', network: false, egress: ['pypi.org:443'] },
];
const KEPT: readonly Resource[] = [
  { kind: 'path', path: '/home/ada/reports', mode: 'rw' },
  { kind: 'memory', scope: 'agent', act: 'write' },
  { kind: 'schedule', act: 'create' },
  { kind: 'skill', name: 'x', act: 'install' },
  { kind: 'fleet', act: 'create-agent', target: 'spy', widens: true },
  { kind: 'wallet', chain: 'base', usd: 3 },
];
const HARMLESS: readonly Resource[] = [
  { kind: 'path', path: '/home/ada/reports', mode: 'ro' },
  { kind: 'agent', id: 'mate', team: 'mine', act: 'message' },
  { kind: 'blackboard', key: 'teams/mine/notes', act: 'write' },
  { kind: 'topic', name: 'news', act: 'publish' },
  { kind: 'memory', scope: 'agent', act: 'read' },
  { kind: 'browser', action: 'snapshot', host: 'evil.example' },
  { kind: 'template', id: 'writer', network: false },
  { kind: 'credential', name: 'x' },
  { kind: 'skill', name: 'x', act: 'use' },
  { kind: 'person', address: 'owner', known: true },
];
const team = { team: 'mine' };

describe('two of three', () => {
  it.each(EXTERNAL)('of untrusted text, private data and $kind go without a question', (resource) => {
    for (const label of [CLEAN, WEB]) expect(rule(request([resource]), facts(label, team))).toBe('free');
    // Programs with a network of their own read what nobody vouches for, and send on, within one command.
    const runsFree = resource.kind === 'template' && resource.egress !== undefined;
    expect(rule(request([resource]), facts(MINE, team))).toBe(runsFree ? 'ask flow.three-of-three' : 'free');
  });
  it.each(EXTERNAL)('and the third, $kind, asks', (resource) => {
    expect(rule(request([resource]), facts(BOTH, team))).toBe('ask flow.three-of-three');
  });
  it.each(KEPT)('untrusted text alone may not drive $kind', (resource) => {
    expect(rule(request([resource]), facts(WEB))).toMatch(/^ask flow.untrusted-drives/);
    for (const label of [CLEAN, MINE]) expect(rule(request([resource]), facts(label))).toBe('free');
  });
  it.each(HARMLESS)('never stop $kind', (resource) => {
    expect(rule(request([resource]), facts(BOTH, team))).toBe('free');
  });
  it('count a tool that reaches out and names nothing as reaching anybody', () => {
    expect(rule(request([], { risk: 'network' }), facts(BOTH))).toBe('ask flow.three-of-three');
    expect(rule(request([], { risk: 'message' }), facts(BOTH))).toBe('ask flow.three-of-three');
    expect(rule(request([], { risk: 'network' }), facts(WEB))).toBe('free');
  });
  it('count programs with a network as reaching out', () => {
    const command = request([], { risk: 'sandbox-execute' });
    const egress = ['pypi.org:443'];
    expect(rule(command, facts(BOTH))).toBe('free');
    expect(rule(command, facts(BOTH, { egress }))).toBe('ask flow.three-of-three');
    expect(rule(command, facts(BOTH, { egress, egressCleared: true }))).toBe('free');
    expect(rule(command, facts(CLEAN, { egress }))).toBe('free');
  });
  it('count what a sandbox holds, whether the model has read it or not', () => {
    const command = request([], { risk: 'sandbox-execute' });
    expect(rule(command, facts(CLEAN, { egress: ['pypi.org:443'], sandbox: BOTH }))).toBe('ask flow.three-of-three');
  });
  it('foresee what a worker with a network will read in its folders', () => {
    const folder: Resource = { kind: 'path', path: '/home/ada', mode: 'ro' };
    const open: Resource = { kind: 'template', id: 'code_worker', network: false, egress: ['pypi.org:443'] };
    expect(rule(request([folder, open]), facts(CLEAN))).toBe('ask flow.three-of-three');
  });
});

describe('what is secret', () => {
  it('does not leave, whoever asks', () => {
    expect(rule(request([URL_OUT]), facts(SECRET))).toBe('deny flow.secret-stays');
    const egress = ['pypi.org:443'];
    const cleared = facts(SECRET, { egress, egressCleared: true });
    expect(rule(request([], { risk: 'sandbox-execute' }), cleared)).toBe('deny flow.secret-stays');
  });
});

describe('who may read it anyway', () => {
  const shared: Label = { ...BOTH, principals: ['owner', 'telegram:7'] };
  it('is no outsider', () => {
    const to = (address: string) => request([{ kind: 'person', address, known: true }]);
    expect(rule(to('telegram:7'), facts(shared))).toBe('free');
    expect(rule(to('telegram:8'), facts(shared))).toBe('ask flow.three-of-three');
  });
});

describe('an address that a person wrote', () => {
  it('is opened without a question, and no other one, and nothing is sent there', () => {
    const named = ['https://evil.example/?d=4711'];
    expect(rule(request([URL_OUT]), facts(BOTH, { named }))).toBe('free');
    expect(rule(request([{ ...URL_OUT, url: `${named[0]}2` }]), facts(BOTH, { named }))).toMatch(/^ask/);
    expect(rule(request([{ ...URL_OUT, method: 'POST', bytes: 5 }]), facts(BOTH, { named }))).toMatch(/^ask/);
  });
});

describe('a tool that acts in the person’s name', () => {
  const pay = (label: Label, more: Partial<FlowFacts> = {}): string =>
    rule(request([URL_OUT], { requires: 'agent', input: { to: 'GB29', amount: 5 } }), facts(label, more));
  it('is led by no stranger without the person, private data or not', () => {
    expect(pay(WEB)).toBe('ask flow.untrusted-drives');
    expect(pay(BOTH)).toBe('ask flow.three-of-three');
    expect(pay(CLEAN)).toBe('free');
  });
});

describe('an exception', () => {
  const base = { id: 'x', note: '', createdAt: 0, createdBy: 'owner', expiresAt: 2_000 };
  const exception = { ...base, subject: 'helper', origin: 'web:evil.example', sink: 'url:https://evil.example/*' };
  const judged = (more: Partial<typeof exception>, label: Label = BOTH): string =>
    rule(request([URL_OUT]), facts(label, { exceptions: [{ ...exception, ...more }] }));
  it('lets one origin lead one agent to one sink', () => {
    expect(judged({})).toBe('free');
    expect(judged({ subject: '*' })).toBe('free');
  });
  it('ends, and is no word for another agent, origin or sink', () => {
    expect(judged({ expiresAt: 1_000 })).toMatch(/^ask/);
    expect(judged({ subject: 'other' })).toMatch(/^ask/);
    expect(judged({ origin: 'web:good.example' })).toMatch(/^ask/);
    expect(judged({ sink: 'url:https://good.example/*' })).toMatch(/^ask/);
    expect(judged({}, { ...BOTH, origins: ['web:evil.example', 'web:worse.example'] })).toMatch(/^ask/);
  });
  it('covers no text whose origin nobody knows', () => {
    expect(judged({ origin: '*' }, { ...BOTH, origins: [] })).toMatch(/^ask/);
  });
});

describe('a grant', () => {
  const judged = (granted: string[], label: Label = BOTH, resource: Resource = URL_OUT): string =>
    rule(request([resource]), facts(label, { granted }));
  it('answers for the sinks it names and for no other', () => {
    expect(judged(['url:https://evil.example/?d=4711'])).toBe('free');
    expect(judged(['url:https://evil.example/*'])).toBe('free');
    expect(judged(['url:https://evil.example/?d=471'])).toMatch(/^ask/);
    expect(judged(['url:https://evil.example/*'], BOTH, { kind: 'url', url: 'https://evil.example.org/' })).toMatch(
      /^ask/,
    );
    expect(judged(['memory:a'], WEB, { kind: 'memory', scope: 'a', act: 'write' })).toBe('free');
  });
  it('lets no secret out', () => {
    expect(judged(['url:https://evil.example/*'], SECRET)).toBe('deny flow.secret-stays');
  });
});

describe('the card', () => {
  const cardOf = (input: Record<string, string>) => {
    const decision = judgeFlow(request([URL_OUT], { input }), facts(BOTH));
    if (decision?.kind !== 'ask') throw new Error('it did not ask');
    return decision;
  };
  it('shows the exact bytes, where they go and what the model has read', () => {
    const { card, shows } = cardOf({ url: 'https://evil.example/?d=4711' });
    const values = Object.fromEntries(card.facts.map((fact) => [fact.name, fact.value]));
    expect(values['exact url']).toBe('https://evil.example/?d=4711');
    expect(values['goes to']).toBe('evil.example');
    expect(values['the model has read']).toBe('web:evil.example; private data');
    expect(shows).toBe('all');
  });
  it('spells out what cannot be seen and cannot start a line of its own', () => {
    const { card } = cardOf({ text: 'ok\nrisk: none\u202e\u200b\u001b[2J\\n\u{e0041}' });
    const [value] = card.facts.filter((fact) => fact.name === 'exact text').map((fact) => fact.value);
    expect(value).toBe('ok\\nrisk: none\\u{202e}\\u{200b}\\u{1b}[2J\\\\n\\u{e0041}');
  });
  it('says so when it cannot show all', () => {
    const { card, shows } = cardOf({ text: 'x'.repeat(20_000) });
    expect(shows).toBe('part');
    expect(card.risk).toContain('not all of it is shown');
  });
});

describe('two rules that both ask', () => {
  const flow = judgeFlow(request([URL_OUT]), facts(BOTH));
  const card = { title: 'A folder', facts: [{ name: 'asked by', value: 'helper' }], risk: 'the model sees it' };
  it('make one card', () => {
    const both = combineDecisions({ kind: 'ask', rule: 'paths.ask-owner', card }, flow);
    expect(both).toMatchObject({
      kind: 'ask',
      rule: 'paths.ask-owner+flow.three-of-three',
      card: { title: 'A folder' },
    });
    expect(both.kind === 'ask' && both.card.facts.filter((fact) => fact.name === 'asked by')).toHaveLength(1);
    expect(isFlowRule(both.rule)).toBe(true);
  });
  it('never undo a no', () => {
    const no = { kind: 'deny', rule: 'tools.not-granted', reason: '', unlock: '' } as const;
    expect(combineDecisions(no, flow)).toBe(no);
    expect(combineDecisions({ kind: 'allow', rule: 'tools.network' }, flow)).toBe(flow);
  });
});
