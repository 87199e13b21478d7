import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../base/logger.ts';
import { HoldfastConfig, parseConfig } from '../../protocol/config.ts';
import type { ErrorInfo, LiveEvent } from '../../protocol/event.ts';
import { chainsOf, modelRefOf } from '../../protocol/model-chains.ts';
import type { ScenarioInput } from '../../simulator/scenario.ts';
import { createWorld, type World } from '../../testing/world.ts';
import { createChains } from './chain.ts';
import type { ModelEvent, ModelRequest } from './model.ts';

const REQUEST: ModelRequest = {
  ...{ model: 'chain/main', agentId: 'a', runId: 'r', callId: 'call-1', system: '', transcript: [], tools: [] },
  ...{ maxOutputTokens: 10, thinking: 'off', signal: new AbortController().signal },
};
const finished = (model: string): ModelEvent => ({
  type: 'finished',
  message: { role: 'assistant', model, wire: 'openai-chat', parts: [{ type: 'text', text: model }] },
  ...{ stop: 'end', usage: {}, cost: undefined },
});
const failure = (code: ErrorInfo['code']): ModelEvent => ({ type: 'failed', error: { code, message: code } });

/** A chain over models that do what the script says, with what the vault says of their health. */
async function play(
  script: Record<string, readonly ModelEvent[]>,
  { readyAt = {}, request = REQUEST }: { readyAt?: Record<string, number | null>; request?: ModelRequest } = {},
) {
  const called: { model: string; callId: string }[] = [];
  const chains = createChains({
    chains: { main: Object.keys(script), twice: ['p/a', 'p/a'] },
    log: silentLogger,
    health: async (models) => ({
      models: models.map((model) => ({ model, readyAt: readyAt[model] === undefined ? 0 : (readyAt[model] ?? null) })),
      keys: [],
    }),
    model: {
      contextWindow: async (model) => ({ 'p/a': 1_000, 'p/b': 500 })[model],
      async *stream({ model, callId }) {
        called.push({ model, callId });
        yield* script[model] ?? [];
      },
    },
  });
  const events: ModelEvent[] = [];
  for await (const event of chains.stream(request)) events.push(event);
  return { events, called: called.map(({ model }) => model), ids: called.map(({ callId }) => callId), chains };
}

describe('a chain of models', () => {
  it('uses the first one while it is well', async () => {
    const { events, called } = await play({ 'p/a': [finished('p/a')], 'p/b': [finished('p/b')] });
    expect(called).toEqual(['p/a']);
    expect(events).toEqual([finished('p/a')]);
  });

  it('begins anew with the next one, in the middle of a stream too, under a call id of its own', async () => {
    const script = {
      'p/a': [{ type: 'text', delta: 'Half an ans' } as const, failure('model.bad-response')],
      'p/b': [finished('p/b')],
    };
    const { events, ids } = await play(script);
    expect(events.map(({ type }) => type)).toEqual(['text', 'restart', 'finished']);
    expect(events[1]).toMatchObject({ model: 'p/b', error: { code: 'model.bad-response' }, callId: ids[1] });
    expect(new Set(ids).size).toBe(2);
  });

  it.each([
    ['model.auth', true],
    ['model.billing', true],
    ['model.rate-limited', true],
    ['model.empty-response', true],
    ['not-found', true],
    ['vault.secret-missing', true],
    ['model.context-overflow', false],
    ['model.refused', false],
    ['bad-request', false],
    ['budget.exceeded', false],
    ['vault.unreachable', false],
  ] as const)('%s goes on: %s', async (code, goesOn) => {
    const { called, events } = await play({ 'p/a': [failure(code)], 'p/b': [finished('p/b')] });
    expect(called).toEqual(goesOn ? ['p/a', 'p/b'] : ['p/a']);
    expect(events.at(-1)?.type).toBe(goesOn ? 'finished' : 'failed');
  });

  it('ends with the last failure when none is left', async () => {
    const { events } = await play({ 'p/a': [failure('model.auth')], 'p/b': [failure('timeout')] });
    expect(events.map(({ type }) => type)).toEqual(['restart', 'failed']);
    expect(events[1]).toMatchObject({ error: { code: 'timeout' } });
  });

  it('takes those that are well first, then those that are due first, and last what is not set up', async () => {
    const script = Object.fromEntries(
      ['p/a', 'p/b', 'p/c', 'p/d'].map((model) => [model, [failure('model.overloaded')]]),
    );
    const { called } = await play(script, { readyAt: { 'p/a': 200, 'p/b': null, 'p/c': 50 } });
    expect(called).toEqual(['p/d', 'p/c', 'p/a', 'p/b']);
  });

  it('tries a model once however often it is named, and says when there is no such chain', async () => {
    const request = { ...REQUEST, model: 'chain/twice' };
    expect((await play({ 'p/a': [failure('timeout')] }, { request })).called).toEqual(['p/a']);
    const { events } = await play({}, { request: { ...REQUEST, model: 'chain/nowhere' } });
    expect(events).toEqual([
      expect.objectContaining({ error: expect.objectContaining({ code: 'model.unknown-provider' }) }),
    ]);
  });

  it('has the smallest window of its models', async () => {
    const { chains } = await play({ 'p/a': [], 'p/b': [], 'p/c': [] });
    expect(await chains.contextWindow('chain/main')).toBe(500);
    expect(await chains.contextWindow('p/a')).toBe(1_000);
  });
});

describe('chains in config.json', () => {
  it('a list in model is one, beside the named ones', () => {
    const config = HoldfastConfig.parse({ model: ['p/a', 'p/b'], models: { chains: { cheap: ['p/c'] } } });
    expect(modelRefOf(config)).toBe('chain/default');
    expect(chainsOf(config)).toEqual({ default: ['p/a', 'p/b'], cheap: ['p/c'] });
    expect(modelRefOf(HoldfastConfig.parse({ model: 'chain/x', models: { chains: { x: ['p/a'] } } }))).toBe('chain/x');
  });

  it.each([
    [{ model: 'chain/nowhere' }, 'model'],
    [{ model: [] }, 'model'],
    [{ model: ['chain/x'], models: { chains: { x: ['p/a'] } } }, 'model'],
    [{ models: { chains: { x: ['chain/y'], y: ['p/a'] } } }, 'models.chains.x'],
    [{ models: { chains: { 'Bad name': ['p/a'] } } }, 'models.chains.Bad name'],
  ])('refuses %j', (raw, path) => {
    const parsed = parseConfig(raw);
    expect(parsed.ok ? [] : parsed.problems.map((problem) => problem.path)).toContain(path);
  });
});

describe('in the product', () => {
  let world: World | undefined;
  afterEach(async () => {
    await world?.[Symbol.asyncDispose]();
    world = undefined;
  });
  const scenario: ScenarioInput = {
    name: 'guide',
    rules: [
      {
        when: { model: 'breaks' },
        answer: {
          text: `The first half of it. ${'More of it. '.repeat(50)}`,
          fault: { type: 'reset', afterBytes: 3_000 },
        },
      },
      { when: { model: 'broke' }, answer: { fault: { type: 'http', status: 402 } } },
      { answer: { text: 'The whole answer.' } },
    ],
  };

  it('a stream that breaks midway is replaced by the answer of the next model, never appended to', async () => {
    world = await createWorld({
      scenarios: [scenario],
      config: { model: ['simulator/breaks', 'simulator/guide'] },
    });
    const live: LiveEvent[] = [];
    using _ = world.host.core.journal.subscribe({ event: () => {}, live: (event) => void live.push(event) });
    const message = await world.ask('hello');
    expect(message).toMatchObject({ state: 'answered', answer: 'The whole answer.' });
    const drafts = live.filter(({ type }) => type === 'draft.reset' || type === 'draft.text');
    const reset = drafts.findLastIndex(({ type }) => type === 'draft.reset');
    expect(reset).toBeGreaterThan(0);
    expect(JSON.stringify(drafts.slice(0, reset))).toContain('The first');
    const shown = drafts.slice(reset + 1).map((event) => (event.type === 'draft.text' ? event.text : ''));
    expect(shown.join('')).toBe('The whole answer.');
    const events = await world.host.core.journal.read({ runId: message.runId ?? '' });
    const steps = events.flatMap(({ event }) => (event.type.startsWith('model.') ? [event] : []));
    expect(steps.map(({ type }) => type)).toEqual([
      'model.requested',
      'model.failed',
      'model.requested',
      'model.finished',
    ]);
    expect(steps[2]).toMatchObject({ model: 'simulator/guide', attempt: 2 });
    expect(steps[3]).toMatchObject({ message: { model: 'simulator/guide' } });
  });

  it('a model whose account is empty is not asked again, and the status says why', async () => {
    world = await createWorld({
      scenarios: [scenario],
      config: { model: 'chain/main', models: { chains: { main: ['other/broke', 'simulator/guide'] } } },
    });
    const prices = { '*': { input: 1, output: 1 } };
    await world.owner.putProvider('other', { wire: 'openai-chat', baseUrl: `${world.simulator.url}/v1`, prices });
    await world.owner.putSecret('provider.other', Buffer.from('a-key-of-the-other-provider'));
    for (let turn = 0; turn < 3; turn += 1) expect((await world.ask('hello')).answer).toBe('The whole answer.');
    const asked = world.simulator.requests.filter(({ body }) => JSON.stringify(body).includes('"broke"'));
    expect(asked).toHaveLength(1);
    const status = await world.host.control.status();
    expect(status.state).toBe('degraded');
    expect(status.problems.join()).toContain('The key provider.other is put aside');
  });
});
