import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../base/logger.ts';
import { TEXT_WIRE_FORMATS, type TextWireFormat } from '../../protocol/provider.ts';
import { type AssistantMessage, type TranscriptMessage, toolCalls, visibleText } from '../../protocol/transcript.ts';
import type { ScenarioInput } from '../../simulator/scenario.ts';
import { createSimulator } from '../../simulator/simulator.ts';
import { createModelVault } from '../../testing/model-vault.ts';
import type { ModelEvent, ModelRequest } from './model.ts';
import { createModels } from './models.ts';

/** Against the simulator, which refuses a transcript whose reasoning was changed or lost, as the vendors do. */
const TOOLS = ['list_files', 'read_file'].map((name) => ({
  name,
  description: name,
  inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
}));

const SCENARIO: ScenarioInput = {
  name: 'test',
  rules: [
    {
      when: { step: 1, user: 'look' },
      answer: {
        reasoning: 'I should look at both folders.',
        text: 'Looking.',
        toolCalls: [
          { tool: 'list_files', arguments: { path: '/a' } },
          { tool: 'list_files', arguments: { path: '/b' } },
        ],
      },
    },
    {
      when: { step: 2 },
      answer: { reasoning: 'Now the file.', toolCalls: [{ tool: 'read_file', arguments: { path: '/a/x' } }] },
    },
    { when: { step: 3 }, answer: { reasoning: 'Done.', text: 'There is one file. ünïcödé ✓' } },
  ],
};

type World = Awaited<ReturnType<typeof createWorld>>;

async function createWorld(wire: TextWireFormat, scenario: ScenarioInput) {
  const simulator = await createSimulator({ scenarios: [scenario] });
  const vault = await createModelVault(wire, ['sim', 'other']);
  vault.upstream = `${simulator.url}/v1`;
  const limits = { idleTimeoutMs: 400, firstByteTimeoutMs: 2_000 };
  const models = createModels({ vault: vault.client, log: silentLogger, limits });
  return {
    simulator,
    models,
    vault,
    [Symbol.asyncDispose]: async () => {
      await vault[Symbol.asyncDispose]();
      await simulator[Symbol.asyncDispose]();
    },
  };
}

async function ask(world: World, transcript: readonly TranscriptMessage[], over: Partial<ModelRequest> = {}) {
  const request: ModelRequest = {
    model: 'sim/model-1',
    agentId: 'operator',
    runId: 'run_1',
    callId: 'call-1',
    system: 'Be brief.',
    transcript,
    tools: TOOLS,
    maxOutputTokens: 4_000,
    thinking: 'medium',
    signal: new AbortController().signal,
    ...over,
  };
  const events: ModelEvent[] = [];
  for await (const event of world.models.stream(request)) events.push(event);
  return { events, last: events.at(-1) };
}

function messageOf(last: ModelEvent | undefined): AssistantMessage {
  if (last?.type !== 'finished') throw new Error(`expected finished, got ${JSON.stringify(last)}`);
  return last.message;
}

function withResults(message: AssistantMessage): TranscriptMessage[] {
  const results = toolCalls(message).map(
    ({ callId, tool }): TranscriptMessage => ({
      role: 'tool',
      callId,
      tool,
      text: `result of ${callId}`,
      isError: false,
    }),
  );
  return [message, ...results];
}

describe.each(TEXT_WIRE_FORMATS)('a conversation with the simulator over %s', (wire) => {
  it('three steps with reasoning and parallel calls, every signature given back', async () => {
    await using world = await createWorld(wire, SCENARIO);
    const transcript: TranscriptMessage[] = [{ role: 'user', text: 'look around' }];
    for (let step = 0; step < 3; step++)
      transcript.push(...withResults(messageOf((await ask(world, transcript)).last)));

    const last = transcript.at(-1);
    expect(last?.role === 'assistant' && visibleText(last)).toBe('There is one file. ünïcödé ✓');
    expect(world.simulator.requests.map(({ outcome }) => outcome)).toEqual(['answered', 'answered', 'answered']);
    const sent = JSON.stringify(world.simulator.requests[2]?.body);
    for (const message of transcript) {
      if (message.role !== 'assistant' || message === last) continue;
      for (const { callId } of toolCalls(message)) expect(sent).toContain(`result of ${callId}`);
      for (const secret of stringsIn(message.parts.map((part) => part.opaque)).filter((text) => text.length > 30))
        expect(sent).toContain(secret);
    }
  });

  it('streams what it thinks and says, and reports usage', async () => {
    await using world = await createWorld(wire, SCENARIO);
    const { events, last } = await ask(world, [{ role: 'user', text: 'look around' }]);
    const joined = (type: 'text' | 'reasoning') => events.map((e) => (e.type === type ? e.delta : '')).join('');
    expect(joined('text')).toBe('Looking.');
    expect(joined('reasoning')).toBe('I should look at both folders.');
    expect(last).toMatchObject({ type: 'finished', stop: 'tool-calls', usage: { outputTokens: expect.any(Number) } });
  });

  it('goes on when another provider takes over in the middle of a round', async () => {
    await using world = await createWorld(wire, SCENARIO);
    const first = messageOf((await ask(world, [{ role: 'user', text: 'look around' }])).last);
    const foreign = {
      ...first,
      model: 'elsewhere/m',
      wire: wire === 'openai-chat' ? 'google-generate' : 'openai-chat',
    };
    const { last } = await ask(world, [{ role: 'user', text: 'look around' }, ...withResults(foreign)]);
    expect(toolCalls(messageOf(last))).toMatchObject([{ tool: 'read_file', input: { path: '/a/x' } }]);
    expect(JSON.stringify(world.simulator.requests.at(-1)?.body)).not.toContain('I should look at both folders.');
  });

  it('goes on after a run that was interrupted between a call and its result', async () => {
    await using world = await createWorld(wire, SCENARIO);
    const first = messageOf((await ask(world, [{ role: 'user', text: 'look around' }])).last);
    const { last } = await ask(world, [{ role: 'user', text: 'look around' }, ...withResults(first).slice(0, 2)]);
    expect(toolCalls(messageOf(last))).toHaveLength(1);
    expect(JSON.stringify(world.simulator.requests.at(-1)?.body)).toContain('outcome of this call is unknown');
  });

  it.each<[string, ScenarioInput['rules'][number]['answer'], object]>([
    [
      '429',
      { fault: { type: 'http', status: 429, retryAfterSeconds: 7 } },
      { code: 'model.rate-limited', retryAfterMs: 7_000, retryable: true },
    ],
    ['500', { fault: { type: 'http', status: 500 } }, { code: 'model.overloaded', retryable: true }],
    ['402', { fault: { type: 'http', status: 402 } }, { code: 'model.billing' }],
    [
      'web page',
      { fault: { type: 'http', status: 502, body: '<html>Bad gateway', headers: { 'content-type': 'text/html' } } },
      { code: 'model.overloaded' },
    ],
    [
      'reset at once',
      { text: 'long '.repeat(400), fault: { type: 'reset' } },
      { code: 'vault.unreachable', retryable: true },
    ],
    [
      'reset later',
      { text: 'long '.repeat(400), fault: { type: 'reset', afterBytes: 3_000 } },
      { code: 'model.unreachable', retryable: true },
    ],
    [
      'stall',
      { text: 'long '.repeat(400), fault: { type: 'stall', afterBytes: 3_000 } },
      { code: 'timeout', retryable: true },
    ],
    [
      'garbage',
      { text: 'long '.repeat(400), fault: { type: 'garbage', afterBytes: 3_000 } },
      { code: 'model.bad-response', retryable: true },
    ],
    [
      'cut',
      { text: 'long '.repeat(400), fault: { type: 'truncate', afterBytes: 3_000 } },
      { code: 'model.bad-response', retryable: true },
    ],
    ['error event', { fault: { type: 'error-event' } }, { code: 'model.overloaded', retryable: true }],
    ['nothing', { empty: true }, { code: 'model.empty-response', retryable: true }],
  ])('fault: %s', async (_name, answer, error) => {
    await using world = await createWorld(wire, { name: 'fault', rules: [{ answer }] });
    const { last } = await ask(world, [{ role: 'user', text: 'hi' }]);
    expect(last).toMatchObject({ type: 'failed', error });
  });

  it('a wrong key', async () => {
    await using world = await createWorld(wire, { ...SCENARIO, keys: ['right'] });
    const { last } = await ask(world, [{ role: 'user', text: 'look' }]);
    expect(last).toMatchObject({
      type: 'failed',
      error: { code: 'model.auth', remedy: expect.stringContaining('setup') },
    });
  });

  it('tool calls without arguments, and with broken ones', async () => {
    const toolCallsOf = [
      { tool: 'list_files', noArguments: true as const },
      { tool: 'read_file', rawArguments: '{"path": "/a' },
    ];
    await using world = await createWorld(wire, { name: 'bad', rules: [{ answer: { toolCalls: toolCallsOf } }] });
    const { last } = await ask(world, [{ role: 'user', text: 'hi' }]);
    if (last?.type === 'finished') {
      const calls = toolCalls(last.message);
      expect(calls.every(({ malformed }) => malformed !== undefined)).toBe(true);
      expect(calls.map(({ input }) => input)).toEqual([{}, {}]);
    } else {
      // Google sends arguments as JSON, not as text: broken ones break the answer.
      expect([wire, last]).toMatchObject(['google-generate', { type: 'failed', error: { retryable: true } }]);
    }
  });

  it('usage that never came is not reported as zero', async () => {
    await using world = await createWorld(wire, { name: 'u', rules: [{ answer: { text: 'hi', usage: 'missing' } }] });
    const { last } = await ask(world, [{ role: 'user', text: 'hi' }]);
    if (last?.type !== 'finished') throw new Error(JSON.stringify(last));
    expect(Object.values(last.usage).filter((count) => count === 0)).toEqual([]);
  });

  it('ten megabytes of text', async () => {
    await using world = await createWorld(wire, {
      name: 'big',
      rules: [{ answer: { hugeBytes: 10_000_000, chunkChars: 20_000 } }],
    });
    const { last } = await ask(world, [{ role: 'user', text: 'hi' }]);
    expect(visibleText(messageOf(last)).length).toBeGreaterThan(9_000_000);
  });
});

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}
