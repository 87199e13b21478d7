import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../base/logger.ts';
import type { TextWireFormat } from '../../protocol/provider.ts';
import type { AssistantMessage, TranscriptMessage } from '../../protocol/transcript.ts';
import { type Answer, createModelVault, type ModelVault, namedSse, sse } from '../../testing/model-vault.ts';
import type { ModelEvent, ModelRequest } from './model.ts';
import { createModels, type ModelsDeps } from './models.ts';

const TOOL = {
  name: 'run_command',
  description: 'Runs a command.',
  inputSchema: { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] },
};
const NO_ARGS_TOOL = { name: 'now', description: 'The time.', inputSchema: { type: 'object', properties: {} } };

function requestOf(over: Partial<ModelRequest> = {}): ModelRequest {
  return {
    model: 'test/m-1',
    agentId: 'operator',
    runId: 'run_1',
    callId: 'call-1',
    system: 'Be brief.',
    transcript: [{ role: 'user', text: 'hello' }],
    tools: [TOOL, NO_ARGS_TOOL],
    maxOutputTokens: 1_000,
    thinking: 'off',
    signal: new AbortController().signal,
    ...over,
  };
}

async function collect(vault: ModelVault, request: Partial<ModelRequest> = {}, deps: Partial<ModelsDeps> = {}) {
  const models = createModels({ vault: vault.client, log: silentLogger, ...deps });
  const events: ModelEvent[] = [];
  for await (const event of models.stream(requestOf(request))) events.push(event);
  const ends = events.filter(({ type }) => type === 'finished' || type === 'failed' || type === 'aborted');
  expect(ends).toEqual([events.at(-1)]);
  return { events, last: events.at(-1)! };
}

function finishedMessage(last: ModelEvent): AssistantMessage {
  if (last.type !== 'finished') throw new Error(`expected finished, got ${JSON.stringify(last)}`);
  return last.message;
}

const chatChunk = (delta: object, finish: string | null = null) => ({
  id: 'c',
  model: 'm-1',
  choices: [{ index: 0, delta, finish_reason: finish }],
});
const chatUsage = { id: 'c', choices: [], usage: { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 } };
const chatCall = (index: number, id: string, args: string, name = 'run_command') =>
  chatChunk({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: args } }] });

/** The same conversation in each wire format: reasoning with a signature, a text, one tool call. */
const ANSWERS: Record<TextWireFormat, Answer> = {
  'openai-chat': sse(
    chatChunk({ role: 'assistant', reasoning_content: 'Let me ' }),
    chatChunk({ reasoning_content: 'see.' }),
    chatChunk({ content: 'I will ' }),
    chatChunk({ content: 'look.' }),
    chatCall(0, 'call_a', '{"comm'),
    chatChunk({ tool_calls: [{ index: 0, function: { arguments: 'and":"ls"}' } }] }),
    chatChunk({}, 'tool_calls'),
    chatUsage,
    '[DONE]',
  ),
  'openai-responses': sse(
    { type: 'response.created', response: { id: 'r', created_at: 1, model: 'm-1' } },
    {
      type: 'response.output_item.added',
      output_index: 0,
      item: { type: 'reasoning', id: 'rs_1', encrypted_content: '' },
    },
    { type: 'response.reasoning_summary_part.added', item_id: 'rs_1', summary_index: 0 },
    { type: 'response.reasoning_summary_text.delta', item_id: 'rs_1', summary_index: 0, delta: 'Let me see.' },
    {
      type: 'response.output_item.done',
      output_index: 0,
      item: { type: 'reasoning', id: 'rs_1', encrypted_content: 'ENCRYPTED==', summary: [] },
    },
    { type: 'response.output_item.added', output_index: 1, item: { type: 'message', id: 'msg_1' } },
    { type: 'response.output_text.delta', item_id: 'msg_1', delta: 'I will look.' },
    { type: 'response.output_item.done', output_index: 1, item: { type: 'message', id: 'msg_1' } },
    {
      type: 'response.output_item.added',
      output_index: 2,
      item: { type: 'function_call', id: 'fc_1', call_id: 'call_a', name: 'run_command', arguments: '' },
    },
    { type: 'response.function_call_arguments.delta', item_id: 'fc_1', output_index: 2, delta: '{"command":"ls"}' },
    {
      type: 'response.output_item.done',
      output_index: 2,
      item: {
        type: 'function_call',
        id: 'fc_1',
        call_id: 'call_a',
        name: 'run_command',
        arguments: '{"command":"ls"}',
        status: 'completed',
      },
    },
    { type: 'response.completed', response: { usage: { input_tokens: 12, output_tokens: 5 } } },
  ),
  'anthropic-messages': namedSse(
    ...anthropicEvents([
      [
        { type: 'thinking', thinking: '' },
        { type: 'thinking_delta', thinking: 'Let me see.' },
        { type: 'signature_delta', signature: 'SIGNED==' },
      ],
      [{ type: 'redacted_thinking', data: 'REDACTED==' }],
      [
        { type: 'text', text: '' },
        { type: 'text_delta', text: 'I will look.' },
      ],
      [
        { type: 'tool_use', id: 'call_a', name: 'run_command', input: {} },
        { type: 'input_json_delta', partial_json: '{"command":"ls"}' },
      ],
    ]),
  ),
  'google-generate': sse(
    googleChunk([{ text: 'Let me see.', thought: true }]),
    googleChunk([{ text: 'I will look.' }]),
    googleChunk([
      { functionCall: { id: 'call_a', name: 'run_command', args: { command: 'ls' } }, thoughtSignature: 'THOUGHT==' },
    ]),
    {
      ...googleChunk([], 'STOP'),
      usageMetadata: { promptTokenCount: 12, candidatesTokenCount: 5, totalTokenCount: 17 },
    },
  ),
};

function anthropicEvents(blocks: readonly (readonly object[])[], stop = 'tool_use'): { type: string }[] {
  return [
    {
      type: 'message_start',
      message: {
        id: 'm',
        type: 'message',
        role: 'assistant',
        model: 'm-1',
        content: [],
        usage: { input_tokens: 12, output_tokens: 0 },
      },
    },
    ...blocks.flatMap(([start, ...deltas], index) => [
      { type: 'content_block_start', index, content_block: start },
      ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
      { type: 'content_block_stop', index },
    ]),
    { type: 'message_delta', delta: { stop_reason: stop, stop_sequence: null }, usage: { output_tokens: 5 } },
    { type: 'message_stop' },
  ] as { type: string }[];
}

function googleChunk(parts: readonly object[], finishReason?: string): object {
  return { candidates: [{ index: 0, content: { role: 'model', parts }, ...(finishReason ? { finishReason } : {}) }] };
}

const WIRES = Object.keys(ANSWERS) as TextWireFormat[];

describe.each(WIRES)('models over %s', (wire) => {
  it('streams reasoning, text and a tool call, then finishes with usage and the vault’s cost', async () => {
    await using vault = await createModelVault(wire);
    vault.answer = () => ANSWERS[wire];
    const { events, last } = await collect(vault);
    const joined = (type: 'text' | 'reasoning') =>
      events.map((event) => (event.type === type ? event.delta : '')).join('');
    expect(joined('text')).toBe('I will look.');
    expect(joined('reasoning')).toBe('Let me see.');
    expect(events.find((event) => event.type === 'tool-input')).toMatchObject({
      callId: 'call_a',
      tool: 'run_command',
    });
    expect(last).toMatchObject({
      type: 'finished',
      stop: 'tool-calls',
      usage: { inputTokens: 12, outputTokens: 5 },
      cost: { usd: 0.25, estimated: false },
    });
    const message = finishedMessage(last);
    expect(message).toMatchObject({ role: 'assistant', model: 'test/m-1', wire });
    expect(message.parts.find((part) => part.type === 'tool-call')).toMatchObject({ input: { command: 'ls' } });
  });

  it('sends the agent, the run and the call with a worthless key', async () => {
    await using vault = await createModelVault(wire);
    vault.answer = () => ANSWERS[wire];
    await collect(vault);
    const [call] = vault.received;
    expect(call?.path).toMatch(/^\/model\/test\//);
    expect(call?.headers).toMatchObject({
      'x-holdfast-agent': 'operator',
      'x-holdfast-run': 'run_1',
      'x-holdfast-call': 'call-1',
    });
    expect(JSON.stringify(call?.headers)).toContain('held-by-the-vault');
  });

  it('gives reasoning, signatures and the tool result back word for word', async () => {
    await using vault = await createModelVault(wire);
    vault.answer = () => ANSWERS[wire];
    const message = finishedMessage((await collect(vault)).last);
    await collect(vault, { transcript: afterCall(message), callId: 'call-2' });
    const sent = JSON.stringify(vault.received[1]?.body);
    const expected = {
      'openai-chat': ['"reasoning_content":"Let me see."'],
      'openai-responses': ['"encrypted_content":"ENCRYPTED=="', '"id":"rs_1"', '"store":false'],
      'anthropic-messages': ['"thinking":"Let me see.","signature":"SIGNED=="', '"data":"REDACTED=="'],
      'google-generate': ['"thoughtSignature":"THOUGHT=="'],
    }[wire];
    for (const piece of [...expected, 'call_a', 'file.txt', 'I will look.']) expect(sent).toContain(piece);
  });

  it('drops what another provider attached, and gives its call an id that anybody accepts', async () => {
    await using vault = await createModelVault(wire);
    vault.answer = () => ANSWERS[wire];
    const other = wire === 'openai-chat' ? 'anthropic-messages' : 'openai-chat';
    const message: AssistantMessage = {
      role: 'assistant',
      model: 'other/x',
      wire: other,
      parts: [
        { type: 'reasoning', text: 'SECRET THOUGHT', opaque: { anthropic: { signature: 'FOREIGN' } } },
        { type: 'text', text: 'I will look.', opaque: { openai: { itemId: 'FOREIGN' } } },
        {
          type: 'tool-call',
          callId: 'toolu:1!',
          tool: 'run_command',
          input: {},
          opaque: { google: { thoughtSignature: 'FOREIGN' } },
        },
      ],
    };
    await collect(vault, { transcript: afterCall(message, 'toolu:1!') });
    const sent = JSON.stringify(vault.received[0]?.body);
    expect(sent).not.toMatch(/FOREIGN|SECRET THOUGHT|toolu:1!/);
    expect(sent).toContain('I will look.');
    expect(sent).toContain('file.txt');
  });

  it('begins a longer conversation with the bytes of the shorter one', async () => {
    await using vault = await createModelVault(wire);
    vault.answer = () => ANSWERS[wire];
    const message = finishedMessage((await collect(vault, { tools: [NO_ARGS_TOOL, TOOL] })).last);
    await collect(vault, { transcript: afterCall(message) });
    const [short, long] = vault.received.map(({ body }) => body);
    expect(long.tools).toEqual(short.tools);
    expect(long.system ?? long.systemInstruction).toEqual(short.system ?? short.systemInstruction);
    const of = (body: Record<string, unknown[]>) =>
      JSON.stringify(body['messages'] ?? body['input'] ?? body['contents']);
    const prefix = of(short)
      .slice(0, -1)
      .replaceAll(/,"cache_control":\{[^}]*\}/g, '');
    expect(
      of(long)
        .replaceAll(/,"cache_control":\{[^}]*\}/g, '')
        .startsWith(prefix),
    ).toBe(true);
  });
});

function afterCall(message: AssistantMessage, callId = 'call_a'): TranscriptMessage[] {
  return [
    { role: 'user', text: 'hello' },
    message,
    { role: 'tool', callId, tool: 'run_command', text: 'file.txt', isError: false },
  ];
}

describe.each(WIRES)('a broken provider over %s', (wire) => {
  const brief = { limits: { idleTimeoutMs: 150, firstByteTimeoutMs: 150 } };
  const firstChunks = (count: number) =>
    (ANSWERS[wire].chunks ?? []).slice(0, Math.min(count, (ANSWERS[wire].chunks?.length ?? 0) - 1));

  it.each<[string, Answer, string]>([
    ['an empty stream', { chunks: [] }, 'model.empty-response'],
    ['garbage', { chunks: ['\u0000\u0001garbage\n\n', 'data: {nope}\n\n'] }, 'model.bad-response'],
    ['random bytes', { chunks: [new Uint8Array(4_096).fill(0xff)] }, 'model.empty-response'],
    ['JSON of no known shape', { chunks: ['data: {"foo":[1,2]}\n\n', 'data: 17\n\n'] }, 'model.bad-response'],
    ['a web page', { headers: { 'content-type': 'text/html' }, chunks: ['<h1>Sign in</h1>'] }, 'model.bad-response'],
    [
      'a whole answer instead of a stream',
      { headers: { 'content-type': 'application/json' }, chunks: ['{"choices":[]}'] },
      'model.bad-response',
    ],
    [
      'an error in status 200',
      { headers: { 'content-type': 'application/json' }, chunks: ['{"error":{"message":"slow down","code":429}}'] },
      'model.rate-limited',
    ],
    ['a stream cut short', { chunks: firstChunks(5) }, 'model.bad-response'],
    ['a connection reset', { chunks: firstChunks(4), ending: 'reset' }, 'model.unreachable'],
    ['silence from the start', { ending: 'hang' }, 'timeout'],
    ['silence in the middle', { chunks: firstChunks(3), ending: 'hang' }, 'timeout'],
    ['a wrong key', { status: 401, chunks: ['{"error":{"message":"Incorrect API key provided"}}'] }, 'model.auth'],
    ['no body', { status: 401 }, 'model.auth'],
    ['an empty account', { status: 402, chunks: ['{"error":{"message":"Insufficient Balance"}}'] }, 'model.billing'],
    [
      'too many requests',
      { status: 429, headers: { 'retry-after': '7' }, chunks: ['{"error":{"message":"slow"}}'] },
      'model.rate-limited',
    ],
    ['a crash', { status: 503, chunks: ['<html>Bad gateway</html>'] }, 'model.overloaded'],
    [
      'a prompt too long',
      { status: 400, chunks: ['{"error":{"message":"prompt is too long: 210000 tokens > 200000 maximum"}}'] },
      'model.context-overflow',
    ],
    ['an unknown model', { status: 404, chunks: ['{"error":{"message":"model not found"}}'] }, 'not-found'],
  ])('reports %s', async (_name, answer, code) => {
    await using vault = await createModelVault(wire);
    vault.answer = () => answer;
    const { last } = await collect(vault, {}, brief);
    expect(last).toMatchObject({ type: 'failed', error: { code } });
    if (last.type !== 'failed') return;
    expect(last.error.message).toContain('test');
    if (code === 'model.auth') expect(last.error.remedy).toContain('holdfast setup');
    if (answer.headers?.['retry-after']) expect(last.error.retryAfterMs).toBe(7_000);
    const final = ['model.auth', 'model.billing', 'not-found', 'model.context-overflow'].includes(code);
    const notAStream = answer.headers?.['content-type'] !== undefined && code === 'model.bad-response';
    expect(last.error.retryable ?? false).toBe(!final && !notAStream);
  });

  it('passes on the vault’s own verdict', async () => {
    await using vault = await createModelVault(wire);
    const shape = { code: 'budget.exceeded', message: 'Today’s 5 USD are spent.', remedy: '`holdfast budget`' };
    vault.answer = () => ({
      status: 402,
      headers: {
        'content-type': 'application/json',
        'x-holdfast-error': Buffer.from(JSON.stringify(shape)).toString('base64url'),
      },
      chunks: ['{"error":{"message":"budget","type":"x","code":"x"}}'],
    });
    expect((await collect(vault)).last).toEqual({ type: 'failed', error: shape });
  });

  it('is aborted by its signal, and lets go of the provider', async () => {
    await using vault = await createModelVault(wire);
    vault.answer = () => ({ chunks: firstChunks(4), ending: 'hang' });
    const controller = new AbortController();
    const models = createModels({ vault: vault.client, log: silentLogger });
    const events: ModelEvent[] = [];
    for await (const event of models.stream(requestOf({ signal: controller.signal }))) {
      events.push(event);
      controller.abort(new Error('user pressed stop'));
    }
    expect(events.at(-1)).toEqual({ type: 'aborted' });
    await expect.poll(() => vault.abandoned).toEqual(['call-1']);
  });

  it('ends the call at the provider when the reader stops reading', async () => {
    await using vault = await createModelVault(wire);
    vault.answer = () => ({ chunks: firstChunks(6), ending: 'hang' });
    const models = createModels({ vault: vault.client, log: silentLogger });
    for await (const _event of models.stream(requestOf())) break;
    await expect.poll(() => vault.abandoned).toEqual(['call-1']);
  });
});

describe('tool calls as models really send them', () => {
  const chat = async (chunks: readonly object[], finish = 'tool_calls', over: Partial<ModelRequest> = {}) => {
    await using vault = await createModelVault('openai-chat');
    vault.answer = () => sse(...chunks, chatChunk({}, finish), '[DONE]');
    return (await collect(vault, over)).last;
  };

  it.each([
    ['nothing where arguments are needed', '', 'run_command', { input: {}, malformed: '' }],
    ['nothing where none are needed', '', 'now', { input: {} }],
    ['half an object', '{"command":"rm -rf', 'run_command', { input: {}, malformed: '{"command":"rm -rf' }],
    ['prose', 'please list', 'run_command', { input: {}, malformed: 'please list' }],
    ['a list', '["ls"]', 'run_command', { input: {}, malformed: '["ls"]' }],
  ])('%s', async (_name, args, tool, expected) => {
    const message = finishedMessage(await chat([chatCall(0, 'a', args, tool)]));
    expect(message.parts).toEqual([{ type: 'tool-call', callId: 'a', tool, ...expected }]);
  });

  it('makes repeated ids unique, within an answer and against the transcript', async () => {
    const earlier = await chat([chatCall(0, 'a', '{"command":"1"}'), chatCall(1, 'a', '{"command":"2"}')]);
    const first = finishedMessage(earlier);
    const ids = first.parts.map((part) => (part.type === 'tool-call' ? part.callId : ''));
    expect(ids[0]).toBe('a');
    expect(new Set(ids).size).toBe(2);
    const transcript: TranscriptMessage[] = [{ role: 'user', text: 'x' }, first];
    const second = finishedMessage(await chat([chatCall(0, 'a', '{"command":"3"}')], 'tool_calls', { transcript }));
    const [again] = second.parts;
    expect(again?.type === 'tool-call' && ids.includes(again.callId)).toBe(false);
  });

  it('a call without a name fails and may be tried again', async () => {
    const last = await chat([chatChunk({ tool_calls: [{ index: 0, id: 'a', function: { arguments: '{}' } }] })]);
    expect(last).toMatchObject({ type: 'failed', error: { code: 'model.bad-response', retryable: true } });
  });

  it('a call cut off by the output limit says so', async () => {
    const last = await chat([chatCall(0, 'a', '{"command":"l')], 'length');
    expect(last).toMatchObject({ type: 'finished', stop: 'length' });
  });

  it('an Anthropic call without a body is malformed when the tool needs one', async () => {
    await using vault = await createModelVault('anthropic-messages');
    const block = [{ type: 'tool_use', id: 'a', name: 'run_command', input: {} }];
    vault.answer = () => namedSse(...anthropicEvents([block]));
    expect(finishedMessage((await collect(vault)).last).parts).toMatchObject([{ input: {}, malformed: '' }]);
  });
});

describe('answers without an answer', () => {
  it.each([
    ['stop', {}, { code: 'model.empty-response', retryable: true }],
    ['stop', { content: '  \n' }, { code: 'model.empty-response', retryable: true }],
    ['stop', { reasoning_content: 'hmm' }, { code: 'model.empty-response', retryable: true }],
    ['content_filter', {}, { code: 'model.refused' }],
    ['length', { reasoning_content: 'hmm' }, { code: 'model.empty-response' }],
  ])('%s %j', async (finish, delta, error) => {
    await using vault = await createModelVault('openai-chat');
    vault.answer = () => sse(chatChunk(delta), chatChunk({}, finish), '[DONE]');
    expect((await collect(vault)).last).toMatchObject({ type: 'failed', error });
  });

  it('keeps what was said before a content filter', async () => {
    await using vault = await createModelVault('openai-chat');
    vault.answer = () => sse(chatChunk({ content: 'Well,' }), chatChunk({}, 'content_filter'), '[DONE]');
    expect((await collect(vault)).last).toMatchObject({ type: 'finished', stop: 'content-filter' });
  });
});

describe('the vault', () => {
  it('unreachable is a retryable failure', async () => {
    const vault = await createModelVault('openai-chat');
    await vault[Symbol.asyncDispose]();
    const gone = await import('../vault-client/vault-client.ts').then(({ createVaultClient }) =>
      createVaultClient({ socketPath: vault.socketPath, log: silentLogger }),
    );
    const models = createModels({ vault: gone, log: silentLogger });
    const events: ModelEvent[] = [];
    for await (const event of models.stream(requestOf())) events.push(event);
    expect(events).toMatchObject([{ type: 'failed', error: { code: 'vault.unreachable', retryable: true } }]);
  });

  it('locked, and an unknown provider, are said plainly', async () => {
    await using vault = await createModelVault('openai-chat');
    expect((await collect(vault, { model: 'nobody/m' })).last).toMatchObject({
      type: 'failed',
      error: { code: 'model.unknown-provider' },
    });
    const { status } = vault;
    vault.status = () => ({ ...status(), locked: true });
    expect((await collect(vault)).last).toMatchObject({ type: 'failed', error: { code: 'vault.locked' } });
  });

  it('a ledger that cannot be asked leaves only the cost open', async () => {
    await using vault = await createModelVault('openai-chat');
    vault.answer = () => ANSWERS['openai-chat'];
    vault.ledger = () => undefined;
    expect((await collect(vault)).last).toMatchObject({ type: 'finished', cost: undefined });
  });

  it('waits for the row to be settled', async () => {
    await using vault = await createModelVault('openai-chat');
    vault.answer = () => ANSWERS['openai-chat'];
    let asked = 0;
    vault.ledger = () => (++asked < 3 ? { state: 'reserved' } : { state: 'estimated', costUsd: 0.5 });
    expect((await collect(vault)).last).toMatchObject({ cost: { usd: 0.5, estimated: true } });
  });
});

describe('reasoning of Chat Completions providers', () => {
  it.each([
    ['reasoning', [{ reasoning: 'hm' }, { reasoning: 'm' }], { reasoning: 'hmm' }],
    [
      'signed details',
      [
        { reasoning: 'a', reasoning_details: [{ type: 'reasoning.text', text: 'a', index: 0 }] },
        { reasoning: 'b', reasoning_details: [{ type: 'reasoning.text', text: 'b', index: 0, signature: 'SIG' }] },
        { reasoning_details: [{ type: 'reasoning.encrypted', data: 'XX', index: 1 }] },
      ],
      {
        reasoning_details: [
          { type: 'reasoning.text', text: 'ab', index: 0, signature: 'SIG' },
          { type: 'reasoning.encrypted', data: 'XX', index: 1 },
        ],
      },
    ],
  ])('%s go back in the field they came in', async (_name, deltas, fields) => {
    await using vault = await createModelVault('openai-chat');
    vault.answer = () =>
      sse(...deltas.map((delta) => chatChunk(delta)), chatCall(0, 'call_a', '{"command":"ls"}'), chatChunk({}, 'stop'));
    const last = (await collect(vault)).last;
    expect(last).toMatchObject({ stop: 'tool-calls' });
    await collect(vault, { transcript: afterCall(finishedMessage(last)) });
    const assistant = vault.received[1]?.body.messages.find(
      (message: { role: string }) => message.role === 'assistant',
    );
    const { role: _, content: __, tool_calls: ___, ...rest } = assistant;
    expect(rest).toEqual(fields);
  });
});

describe('thinking', () => {
  it.each<[TextWireFormat, object]>([
    ['anthropic-messages', { thinking: { type: 'enabled', budget_tokens: 10_000 }, max_tokens: 11_000 }],
    ['openai-chat', { reasoning_effort: 'medium' }],
    [
      'openai-responses',
      { reasoning: { effort: 'medium', summary: 'auto' }, include: ['reasoning.encrypted_content'] },
    ],
    ['google-generate', { generationConfig: { thinkingConfig: { thinkingBudget: 10_000, includeThoughts: true } } }],
  ])('%s', async (wire, expected) => {
    await using vault = await createModelVault(wire);
    vault.answer = () => ANSWERS[wire];
    await collect(vault, { thinking: 'medium' });
    expect(vault.received[0]?.body).toMatchObject(expected);
  });

  it('is left out in the middle of a round that another provider began', async () => {
    await using vault = await createModelVault('anthropic-messages');
    vault.answer = () => ANSWERS['anthropic-messages'];
    const call = { type: 'tool-call', callId: 'call_a', tool: 'run_command', input: {} } as const;
    const message: AssistantMessage = { role: 'assistant', model: 'other/x', wire: 'openai-chat', parts: [call] };
    await collect(vault, { thinking: 'high', transcript: afterCall(message) });
    expect(vault.received[0]?.body.thinking).toBeUndefined();
  });
});
