import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rawPost } from '../testing/raw-http.ts';
import { createSimulator, type Simulator } from './simulator.ts';

/** A transcript that a vendor would refuse must be refused here, in the vendor's words. */
let simulator: Simulator;
beforeAll(async () => {
  simulator = await createSimulator({
    scenarios: [{ name: 's', rules: [{ answer: { text: 'fine', reasoning: 'because' } }] }],
  });
});
afterAll(() => simulator[Symbol.asyncDispose]());

async function post(
  path: string,
  body: unknown,
  headers: Record<string, string> = { 'anthropic-version': '2023-06-01' },
) {
  const answer = await rawPost({ url: simulator.url + path, body, headers });
  return { status: answer.status, text: answer.body.toString() };
}
const refused = async (path: string, body: unknown, message: string): Promise<void> => {
  const answer = await post(path, body);
  const error = JSON.parse(answer.text).error;
  expect(error?.message).toContain(message);
  expect([400, 404]).toContain(answer.status);
};

describe('OpenAI chat completions', () => {
  const user = { role: 'user', content: 'hi' };
  const call = (id: string) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } });
  const calls = (...ids: string[]) => ({ role: 'assistant', content: null, tool_calls: ids.map(call) });
  const result = (id: string) => ({ role: 'tool', tool_call_id: id, content: 'ok' });
  const chat = (...messages: object[]) => ({ model: 'm', messages });

  it.each([
    ['no model', { messages: [user] }, 'you must provide a model parameter'],
    ['no messages', { model: 'm' }, "Missing required parameter: 'messages'"],
    ['empty messages', chat(), "Invalid 'messages': empty array"],
    ['unknown role', chat({ role: 'robot', content: 'x' }), "Invalid value for 'messages[0].role'"],
    ['null content', chat({ role: 'user', content: null }), "Invalid value for 'content': expected a string, got null"],
    ['assistant without content', chat(user, { role: 'assistant', content: null }), 'expected a string, got null'],
    ['result without calls', chat(user, result('a')), "must be a response to a preceeding message with 'tool_calls'"],
    ['result of another call', chat(user, calls('a'), result('b')), "'tool_call_id' of 'b' not found"],
    ['unanswered call', chat(user, calls('a', 'b'), result('a'), user), 'did not have response messages: b'],
    ['unanswered call at the end', chat(user, calls('a')), 'did not have response messages: a'],
    ['answered twice', chat(user, calls('a'), result('a'), result('a')), "Duplicate value for 'tool_call_id' of 'a'"],
    ['duplicate call ids', chat(user, calls('a', 'a'), result('a')), "Duplicate value for 'tool_call_id' of 'a'"],
    ['empty content list', chat({ role: 'user', content: [] }), "Invalid 'messages[0].content': empty array"],
    [
      'bad tool name',
      { ...chat(user), tools: [{ type: 'function', function: { name: 'a b', parameters: { type: 'object' } } }] },
      "Invalid 'tools[0].function.name': string does not match pattern",
    ],
    [
      'bad schema',
      { ...chat(user), tools: [{ type: 'function', function: { name: 'a', parameters: { properties: {} } } }] },
      "Invalid schema for function 'a'",
    ],
    [
      'usage without stream',
      { ...chat(user), stream_options: { include_usage: true } },
      "'stream_options' parameter is only allowed",
    ],
    ['no JSON', '{"model":', 'could not parse the JSON body'],
  ])('refuses %s', async (_name, body, message) => refused('/v1/chat/completions', body, message));

  it('accepts a whole tool loop', async () => {
    expect((await post('/v1/chat/completions', chat(user, calls('a', 'b'), result('b'), result('a')))).status).toBe(
      200,
    );
  });
  it('sends usage in a stream only when asked', async () => {
    const silent = await post('/v1/chat/completions', { ...chat(user), stream: true });
    expect(silent.text).not.toContain('usage');
    expect(silent.text.endsWith('data: [DONE]\n\n')).toBe(true);
    const asked = await post('/v1/chat/completions', {
      ...chat(user),
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(asked.text).toContain('"usage":null');
    expect(asked.text).toContain('"choices":[],"usage":{"prompt_tokens":');
  });
});

describe('OpenAI responses', () => {
  const user = { role: 'user', content: 'hi' };
  const call = (id: string, item?: string) => ({
    type: 'function_call',
    id: item,
    call_id: id,
    name: 'f',
    arguments: '{}',
  });
  const output = (id: string) => ({ type: 'function_call_output', call_id: id, output: 'ok' });
  const ask = (...input: object[]) => ({ model: 'm', input });

  it.each([
    ['no input', { model: 'm' }, "Missing required parameter: 'input'"],
    ['output without call', ask(user, output('a')), 'No tool call found for function call output with call_id a'],
    ['call without output', ask(user, call('a')), 'No tool output found for function call a'],
    [
      'the same item twice',
      ask(user, call('a', 'fc_1'), call('b', 'fc_1'), output('a'), output('b')),
      'Duplicate item found with id fc_1',
    ],
    [
      'forged reasoning',
      ask(user, { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'AAAA' }),
      'could not be verified',
    ],
    ['forgotten item', ask(user, { type: 'item_reference', id: 'msg_1' }), "Item with id 'msg_1' not found"],
    ['forgotten reasoning', ask(user, { type: 'reasoning', id: 'rs_1', summary: [] }), "Item with id 'rs_1' not found"],
    [
      'unknown previous response',
      { ...ask(user), previous_response_id: 'resp_1' },
      "Previous response with id 'resp_1' not found",
    ],
    ['tiny limit', { ...ask(user), max_output_tokens: 5 }, 'Expected a value >= 16'],
  ])('refuses %s', async (_name, body, message) => refused('/v1/responses', body, message));

  it('keeps what it answered, for previous_response_id and item_reference', async () => {
    const first = JSON.parse((await post('/v1/responses', ask(user))).text);
    const [reasoning, message] = first.output;
    expect(reasoning.encrypted_content).toBeUndefined();
    const next = await post('/v1/responses', { ...ask(user), previous_response_id: first.id });
    expect(next.status).toBe(200);
    expect(simulator.requests.at(-1)?.conversation?.turns.map((turn) => turn.role)).toEqual([
      'user',
      'assistant',
      'user',
    ]);
    const references = [reasoning, message].map(({ id }) => ({ type: 'item_reference', id }));
    expect((await post('/v1/responses', ask(user, ...references, user))).status).toBe(200);
    await refused(
      '/v1/responses',
      ask(user, { type: 'item_reference', id: reasoning.id }, user),
      'without its required following item',
    );
  });
  it('numbers its events without a gap', async () => {
    const { text } = await post('/v1/responses', { ...ask(user), stream: true });
    const numbers = [...text.matchAll(/"sequence_number":(\d+)/g)].map((match) => Number(match[1]));
    expect(numbers).toEqual(numbers.map((_, index) => index));
    expect(text).toContain('event: response.completed');
  });
});

describe('Anthropic messages', () => {
  const user = { role: 'user', content: 'hi' };
  const use = (id: string) => ({ type: 'tool_use', id, name: 'f', input: {} });
  const result = (id: string) => ({ type: 'tool_result', tool_use_id: id, content: 'ok' });
  const said = (...content: object[]) => ({ role: 'assistant', content });
  const told = (...content: object[]) => ({ role: 'user', content });
  const ask = (...messages: object[]) => ({ model: 'm', max_tokens: 100, messages });
  const thinking = { thinking: { type: 'enabled', budget_tokens: 1_024 }, max_tokens: 2_000 };

  it.each([
    ['no max_tokens', { model: 'm', messages: [user] }, 'max_tokens: Field required'],
    ['no messages', ask(), 'messages: at least one message is required'],
    ['assistant first', ask({ role: 'assistant', content: 'x' }), 'first message must use the "user" role'],
    ['system role', ask({ role: 'system', content: 'x' }), 'messages.0.role'],
    ['empty content', ask({ role: 'user', content: '' }), 'messages.0: all messages must have non-empty content'],
    ['empty list', ask(told()), 'messages.0: all messages must have non-empty content'],
    ['empty text', ask(told({ type: 'text', text: '' })), 'text content blocks must be non-empty'],
    ['blank text', ask({ role: 'user', content: '  \n' }), 'must contain non-whitespace text'],
    ['trailing space', ask(user, { role: 'assistant', content: 'so ' }), 'cannot end with trailing whitespace'],
    [
      'unanswered call',
      ask(user, said(use('a'), use('b')), told(result('a'))),
      '`tool_use` ids were found without `tool_result` blocks immediately after: b',
    ],
    ['unanswered call at the end', ask(user, said(use('a'))), 'immediately after: a'],
    ['result without call', ask(told(result('a'))), 'unexpected `tool_use_id` found in `tool_result` blocks: a'],
    [
      'late result',
      ask(user, said(use('a')), told(result('a')), said({ type: 'text', text: 'x' }), told(result('a'))),
      'messages.4.content.0: unexpected',
    ],
    [
      'two results',
      ask(user, said(use('a')), told(result('a'), result('a'))),
      'each tool_use must have a single result',
    ],
    ['duplicate ids', ask(user, said(use('a'), use('a')), told(result('a'))), '`tool_use` ids must be unique'],
    [
      'input that is no object',
      ask(user, said({ ...use('a'), input: 'x' }), told(result('a'))),
      'Input should be a valid dictionary',
    ],
    [
      'small thinking budget',
      { ...ask(user), thinking: { type: 'enabled', budget_tokens: 10 } },
      'greater than or equal to 1024',
    ],
    [
      'budget over the limit',
      { ...ask(user), thinking: { type: 'enabled', budget_tokens: 2_000 } },
      '`max_tokens` must be greater than',
    ],
    [
      'forged thinking',
      { ...ask(user, said({ type: 'thinking', thinking: 'x', signature: 'y' }), user), ...thinking },
      'Invalid `signature` in `thinking` block',
    ],
    [
      'lost thinking',
      { ...ask(user, said(use('a')), told(result('a'))), ...thinking },
      'Expected `thinking` or `redacted_thinking`, but found `tool_use`',
    ],
    ['twice the same tool', { ...ask(user), tools: [{ name: 'f' }, { name: 'f' }] }, 'Tool names must be unique'],
  ])('refuses %s', async (_name, body, message) => refused('/v1/messages', body, message));

  it('demands its version header', async () => {
    expect((await post('/v1/messages', ask(user), {})).text).toContain('anthropic-version: header is required');
  });
  it('joins turns of one role and counts tokens', async () => {
    expect((await post('/v1/messages', ask(user, user, said(use('a')), told(result('a')), user))).status).toBe(200);
    expect(
      JSON.parse((await post('/v1/messages/count_tokens', { model: 'm', messages: [user] })).text).input_tokens,
    ).toBeGreaterThan(0);
  });
  it('reports cached tokens beside the others when the client caches', async () => {
    const system = [{ type: 'text', text: 'rule '.repeat(2_000), cache_control: { type: 'ephemeral' } }];
    const first = JSON.parse((await post('/v1/messages', { ...ask(user), system })).text).usage;
    expect(first.cache_creation_input_tokens).toBeGreaterThan(1_024);
    const second = JSON.parse(
      (await post('/v1/messages', { ...ask(user, said({ type: 'text', text: 'x' }), user), system })).text,
    ).usage;
    expect(second.cache_read_input_tokens).toBeGreaterThan(1_024);
    expect(second.input_tokens).toBeLessThan(2_000);
  });
});

describe('Google generateContent', () => {
  const part = (...parts: object[]) => ({ role: 'user', parts });
  const model = (...parts: object[]) => ({ role: 'model', parts });
  const hi = part({ text: 'hi' });
  const call = { functionCall: { name: 'f', args: {} } };
  const response = { functionResponse: { name: 'f', response: { output: 'ok' } } };
  const path = '/v1beta/models/m:generateContent';

  it.each([
    ['no contents', {}, 'contents is not specified'],
    ['empty parts', { contents: [{ role: 'user', parts: [] }] }, 'contents[0].parts: contents.parts must not be empty'],
    ['a part without data', { contents: [part({})] }, "required oneof field 'data'"],
    [
      'unknown role',
      { contents: [{ role: 'system', parts: [{ text: 'x' }] }] },
      'Please use a valid role: user, model.',
    ],
    [
      'response without call',
      { contents: [hi, part(response)] },
      'function response turn comes immediately after a function call turn',
    ],
    [
      'missing response',
      { contents: [hi, model(call, call), part(response)] },
      'number of function response parts is equal',
    ],
    ['unanswered call', { contents: [hi, model(call)] }, 'number of function response parts is equal'],
    [
      'call first',
      { contents: [model(call), part(response)] },
      'function call turn comes immediately after a user turn',
    ],
    [
      'forged signature',
      { contents: [hi, model({ ...call, thoughtSignature: 'AAAA' }), part(response)] },
      'Thought signature is not valid',
    ],
  ])('refuses %s', async (_name, body, message) => refused(path, body, message));

  it('demands signatures of the models that demand them', async () => {
    const body = { contents: [hi, model(call), part(response)] };
    expect((await post(path, body)).status).toBe(200);
    await refused('/v1beta/models/gemini-3-pro:generateContent', body, 'missing a thought_signature');
  });
  it('streams events when asked for, else one JSON array', async () => {
    const array = await post('/v1beta/models/m:streamGenerateContent', { contents: [hi] });
    expect(JSON.parse(array.text)).toHaveLength(1);
    const events = await post('/v1beta/models/m:streamGenerateContent?alt=sse', { contents: [hi] });
    expect(events.text).toContain('\r\n\r\n');
    expect(events.text).toContain('"usageMetadata"');
  });
});

describe('keys, lists and addresses', () => {
  it('answers a wrong key in the words of each vendor, and never shows it whole', async () => {
    await using strict = await createSimulator({
      scenarios: [{ name: 's', keys: ['right-key'], rules: [{ answer: { text: 'in' } }] }],
    });
    const wrong = {
      authorization: 'Bearer sk-wrong-key-0123456789',
      'x-api-key': 'sk-wrong-key-0123456789',
      'x-goog-api-key': 'sk-wrong-key-0123456789',
    };
    const call = async (path: string, headers: Record<string, string>) => {
      const answer = await rawPost({ url: strict.url + path, body: {}, headers });
      expect(answer.body.toString()).not.toContain('sk-wrong-key-0123456789');
      return [answer.status, JSON.parse(answer.body.toString()).error.message.slice(0, 30)];
    };
    expect(await call('/v1/chat/completions', wrong)).toEqual([401, 'Incorrect API key provided: sk']);
    expect(await call('/v1/responses', {})).toEqual([401, "You didn't provide an API key."]);
    expect(await call('/v1/messages', wrong)).toEqual([401, 'invalid x-api-key']);
    expect(await call('/v1beta/models/m:generateContent', wrong)).toEqual([400, 'API key not valid. Please pass']);
    expect(await call('/v1beta/models/m:generateContent', {})).toEqual([403, "Method doesn't allow unregiste"]);
    const body = { model: 'm', messages: [{ role: 'user', content: 'x' }] };
    const right = await rawPost({
      url: `${strict.url}/v1/chat/completions`,
      body,
      headers: { authorization: 'Bearer right-key' },
    });
    expect(right.status).toBe(200);
  });

  it.each(['', '/v1', '/api/v1', '/openai/v1', '/api/paas/v4'])(
    'serves chat completions under the base path "%s"',
    async (base) => {
      const answer = await post(`${base}/chat/completions`, { model: 'm', messages: [{ role: 'user', content: 'x' }] });
      expect(answer.status).toBe(200);
    },
  );

  it('lists its models, says what it is, and refuses other paths', async () => {
    expect(await (await fetch(`${simulator.url}/v1/models`)).json()).toMatchObject({
      object: 'list',
      data: [{ id: 'guide' }],
    });
    expect(await (await fetch(`${simulator.url}/v1beta/models`)).json()).toMatchObject({
      models: [{ name: 'models/guide' }],
    });
    expect(await (await fetch(simulator.url)).json()).toMatchObject({ simulator: true });
    const other = await fetch(`${simulator.url}/v1/embeddings`, { method: 'POST', body: '{}' });
    expect([other.status, other.headers.get('x-holdfast-simulator')]).toEqual([404, 'true']);
  });

  it('refuses a request that no vendor would take for its size', async () => {
    const answer = await rawPost({ url: `${simulator.url}/v1/messages`, body: 'x'.repeat(34_000_000) });
    expect(answer.ended === 'error' || answer.status === 413).toBe(true);
  });
});
