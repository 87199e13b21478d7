import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WireFormat } from '../protocol/provider.ts';
import {
  type Answer,
  eventually,
  sendEvents,
  sendJsonAnswer,
  startUpstream,
  type Upstream,
} from '../testing/upstream.ts';
import { createVaultWorld, type VaultWorld } from '../testing/vault-world.ts';

const KEY = 'sk-canary-4f1d0c2b9a8e7f6d5c4b3a29';
const PRICES = { '*': { input: 1, output: 2, cacheRead: 0.1, cacheWrite: 1.25 } };

let world: VaultWorld;
let upstream: Upstream;
let answer: Answer;

beforeEach(async () => {
  world = await createVaultWorld({ timeouts: { connectMs: 2_000, firstByteMs: 1_500, idleMs: 1_500 } });
  upstream = await startUpstream((seen, response) => answer(seen, response));
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

async function configure(wire: WireFormat, setting: object = {}): Promise<void> {
  await world.owner.putProvider('acme', {
    wire,
    baseUrl: `${upstream.url}/base/v1`,
    prices: PRICES,
    contextWindows: { '*': 100_000 },
    ...setting,
  });
  await world.owner.putSecret('provider.acme', Buffer.from(`${KEY}\n`));
}

const chatBody = { model: 'm1', max_tokens: 100, messages: [{ role: 'user', content: 'hello' }] };

interface WireCase {
  readonly wire: WireFormat;
  readonly path: string;
  readonly streamPath: string;
  readonly body: object;
  readonly streamBody: object;
  readonly upstreamPath: string;
  readonly keyHeader: string;
  readonly keyValue: string;
  readonly events: string[];
  readonly plain: object;
}

const anthropicUsage = {
  input_tokens: 50,
  cache_read_input_tokens: 30,
  cache_creation_input_tokens: 20,
  output_tokens: 1,
};
const CASES: WireCase[] = [
  {
    wire: 'openai-chat',
    path: 'acme/chat/completions',
    streamPath: 'acme/chat/completions',
    body: chatBody,
    streamBody: { ...chatBody, stream: true, stream_options: { include_usage: true } },
    upstreamPath: '/base/v1/chat/completions',
    keyHeader: 'authorization',
    keyValue: `Bearer ${KEY}`,
    events: [
      'data: {"choices":[{"delta":{"content":"he"}}],"usage":null}\n\n',
      'data: {"choices":[{"delta":{"content":"llo \\"usage\\":{}"}}],"usage":null}\n\n',
      'data: {"choices":[],"usage":{"prompt_tokens":100,"completion_tokens":40,"prompt_tokens_details":{"cached_tokens":30,"cache_write_tokens":20},"completion_tokens_details":{"reasoning_tokens":7}}}\n\n',
      'data: [DONE]\n\n',
    ],
    plain: {
      choices: [],
      usage: {
        prompt_tokens: 100,
        completion_tokens: 40,
        prompt_tokens_details: { cached_tokens: 30, cache_write_tokens: 20 },
      },
    },
  },
  {
    wire: 'openai-responses',
    path: 'acme/responses',
    streamPath: 'acme/responses',
    body: { model: 'm1', max_output_tokens: 100, input: 'hello' },
    streamBody: { model: 'm1', max_output_tokens: 100, input: 'hello', stream: true },
    upstreamPath: '/base/v1/responses',
    keyHeader: 'authorization',
    keyValue: `Bearer ${KEY}`,
    events: [
      'event: response.created\ndata: {"type":"response.created","response":{"usage":null}}\n\n',
      'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"hello"}\n\n',
      `event: response.completed\ndata: {"type":"response.completed","response":{"output":[{"text":"${'x'.repeat(200_000)}"}],"usage":{"input_tokens":100,"output_tokens":40,"input_tokens_details":{"cached_tokens":30,"cache_write_tokens":20}}}}\n\n`,
    ],
    plain: {
      output: [],
      usage: {
        input_tokens: 100,
        output_tokens: 40,
        input_tokens_details: { cached_tokens: 30, cache_write_tokens: 20 },
      },
    },
  },
  {
    wire: 'anthropic-messages',
    path: 'acme/v1/messages',
    streamPath: 'acme/messages',
    body: { ...chatBody },
    streamBody: { ...chatBody, stream: true },
    upstreamPath: '/base/v1/messages',
    keyHeader: 'x-api-key',
    keyValue: KEY,
    events: [
      `event: message_start\ndata: {"type":"message_start","message":{"usage":${JSON.stringify(anthropicUsage)}}}\n\n`,
      'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"hello"}}\n\n',
      'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":40}}\n\n',
      'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ],
    plain: { type: 'message', content: [], usage: { ...anthropicUsage, output_tokens: 40 } },
  },
  {
    wire: 'google-generate',
    path: 'acme/v1beta/models/m1:generateContent',
    streamPath: 'acme/models/m1:streamGenerateContent?alt=sse&key=theirs',
    body: { contents: [], generationConfig: { maxOutputTokens: 100 } },
    streamBody: { contents: [], generationConfig: { maxOutputTokens: 100 } },
    upstreamPath: '/base/v1/models/m1:',
    keyHeader: 'x-goog-api-key',
    keyValue: KEY,
    events: [
      'data: {"candidates":[],"usageMetadata":{"promptTokenCount":100}}\r\n\r\n',
      'data: {"candidates":[],"usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":30,"thoughtsTokenCount":10,"cachedContentTokenCount":30}}\r\n\r\n',
    ],
    plain: {
      candidates: [],
      usageMetadata: {
        promptTokenCount: 100,
        candidatesTokenCount: 30,
        thoughtsTokenCount: 10,
        cachedContentTokenCount: 30,
      },
    },
  },
];

/** 50 fresh at 1, 30 read at 0.1, 20 written at 1.25, 40 out at 2, per million; Google reports no cache writes. */
const expectedUsd = (wire: WireFormat): number => (wire === 'google-generate' ? 70 + 3 + 80 : 50 + 3 + 25 + 80) / 1e6;

describe('a login instead of a key', () => {
  it('of Anthropic is sent as its bearer, beside what the caller asked for', async () => {
    await configure('anthropic-messages');
    const token = 'sk-ant-oat01-0123456789abcdef';
    await world.owner.putSecret('provider.acme', Buffer.from(token));
    answer = (_seen, response) =>
      sendJsonAnswer(response, 200, { type: 'message', content: [], usage: anthropicUsage });
    await world.model('acme/messages', chatBody, { headers: { 'anthropic-beta': 'some-feature' } });
    const [seen] = upstream.requests;
    expect(seen?.headers.authorization).toBe(`Bearer ${token}`);
    expect(seen?.headers['x-api-key']).toBeUndefined();
    expect(seen?.headers['anthropic-beta']).toBe('some-feature,oauth-2025-04-20');
  });
});

describe.each(CASES)('the model proxy, $wire', (wireCase) => {
  it('streams byte for byte, puts the key in, and settles from the reported usage', async () => {
    await configure(wireCase.wire);
    answer = (_seen, response) => sendEvents(response, wireCase.events);
    const got = await world.model(wireCase.streamPath, wireCase.streamBody, {
      callId: 'c1',
      headers: { authorization: 'Bearer theirs', 'x-api-key': 'theirs', cookie: 'a=b' },
    });
    expect(got.status).toBe(200);
    expect(got.headers['content-type']).toBe('text/event-stream');
    expect(got.text).toBe(wireCase.events.join(''));
    const [seen] = upstream.requests;
    expect(seen?.url.startsWith(wireCase.upstreamPath)).toBe(true);
    expect(seen?.headers[wireCase.keyHeader]).toBe(wireCase.keyValue);
    expect(JSON.stringify(seen)).not.toContain('theirs');
    expect(seen?.headers.cookie).toBeUndefined();
    expect(JSON.parse(seen?.body ?? '')).toEqual(wireCase.streamBody);
    const record = await world.call('c1');
    expect(record.state).toBe('settled');
    expect(record.costUsd).toBeCloseTo(expectedUsd(wireCase.wire), 12);
    expect(record.inputTokens).toBe(100);
    expect(record.outputTokens).toBe(40);
    expect(record.cachedInputTokens).toBe(30);
    expect(record.reservedUsd).toBeGreaterThan(record.costUsd);
  });

  it('passes a plain answer on and settles it', async () => {
    await configure(wireCase.wire);
    answer = (_seen, response) => sendJsonAnswer(response, 200, wireCase.plain);
    const got = await world.model(wireCase.path, wireCase.body, { callId: 'c1' });
    expect(got.status).toBe(200);
    expect(got.text).toBe(JSON.stringify(wireCase.plain));
    expect(await world.call('c1')).toMatchObject({ state: 'settled', outputTokens: 40 });
    expect((await world.call('c1')).costUsd).toBeCloseTo(expectedUsd(wireCase.wire), 12);
  });

  it.each([
    { status: 401, code: 'model.auth', words: 'Incorrect API key provided: sk-canary' },
    { status: 402, code: 'model.billing', words: 'pay first' },
    { status: 429, code: 'model.rate-limited', words: 'slow down' },
    { status: 500, code: 'model.overloaded', words: 'oops' },
    { status: 529, code: 'model.overloaded', words: 'overloaded' },
    { status: 400, code: 'model.refused', words: 'bad field' },
    { status: 400, code: 'model.context-overflow', words: 'maximum context length is 10 tokens' },
  ])('maps a refusal with $status to $code and releases the reservation', async ({ status, code, words }) => {
    await configure(wireCase.wire);
    answer = (_seen, response) => {
      response.setHeader('retry-after', '7');
      sendJsonAnswer(response, status, { error: { message: `${words} ${KEY}` } });
    };
    const got = await world.model(wireCase.streamPath, wireCase.streamBody, { callId: 'c1' });
    expect(got.status).toBe(status);
    expect(got.error?.code).toBe(code);
    expect(got.error?.message).toContain('acme');
    expect(got.error?.remedy).toBeTruthy();
    if (status === 429) expect([got.error?.retryAfterMs, got.headers['retry-after']]).toEqual([7_000, '7']);
    expect(JSON.stringify([got.text, got.headers, got.error, world.logs])).not.toContain(KEY);
    const body = JSON.parse(got.text);
    expect(body.error.message).toContain(got.error?.message);
    if (wireCase.wire === 'anthropic-messages') expect(body.type).toBe('error');
    if (wireCase.wire === 'google-generate') expect(body.error.code).toBe(status);
    expect(await world.call('c1')).toMatchObject({ state: 'released', costUsd: 0 });
  });

  it('says what a broken answer is, and keeps the reservation charged', async () => {
    await configure(wireCase.wire);
    const broken: [Answer, string][] = [
      [(_s, r) => void r.writeHead(200, { 'content-type': 'text/html' }).end('<html>hi</html>'), 'model.bad-response'],
      [
        (_s, r) => void r.writeHead(200, { 'content-type': 'text/event-stream' }).end('{"not":"events"'),
        'model.bad-response',
      ],
      [(_s, r) => void r.writeHead(200, { 'content-type': 'text/event-stream' }).end(), 'model.empty-response'],
      [(_s, r) => void r.writeHead(200, { 'content-encoding': 'gzip' }).end('data: x\n\n'), 'model.bad-response'],
      [(_s, r) => void r.destroy(), 'model.bad-response'],
      [(_s, r) => void r.socket?.end('no http at all\r\n\r\n'), 'model.bad-response'],
    ];
    for (const [index, [act, code]] of broken.entries()) {
      answer = act;
      const got = await world.model(wireCase.streamPath, wireCase.streamBody, { callId: `b${index}` });
      expect([index, got.error?.code]).toEqual([index, code]);
      expect(got.status).toBe(502);
      const record = await world.call(`b${index}`);
      expect(record).toMatchObject({ state: 'estimated', costUsd: record.reservedUsd });
    }
    answer = (_s, r) => void r.writeHead(200).end('not json');
    const plain = await world.model(wireCase.path, wireCase.body);
    expect(plain.error?.code).toBe('model.bad-response');
  });

  it('ends a stream that breaks off with an error of its format', async () => {
    await configure(wireCase.wire);
    answer = (_seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(wireCase.events[0]);
      response.write('data: {"half":', () => response.destroy());
    };
    const got = await world.model(wireCase.streamPath, wireCase.streamBody, { callId: 'c1' });
    expect(got.status).toBe(200);
    const last = got.text.trimEnd().split('\n').at(-1) ?? '';
    const event = JSON.parse(last.slice(5));
    expect(JSON.stringify(event)).toContain('broke the connection');
    if (wireCase.wire === 'anthropic-messages') expect(event.type).toBe('error');
    expect(await world.call('c1')).toMatchObject({ state: 'estimated' });
  });

  it('aborts upstream when the caller goes away, and keeps the charge', async () => {
    await configure(wireCase.wire);
    answer = (_seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(wireCase.events[0]);
    };
    const controller = new AbortController();
    const call = world.model(wireCase.streamPath, wireCase.streamBody, {
      callId: 'c1',
      signal: controller.signal,
      onChunk: () => controller.abort(),
    });
    await expect(call).rejects.toThrow();
    await eventually(() => (upstream.aborted > 0 ? true : undefined));
    const record = await eventually(async () => {
      const row = await world.call('c1');
      return row.state === 'reserved' ? undefined : row;
    });
    expect(record).toMatchObject({ state: 'estimated', costUsd: record.reservedUsd });
  });
});

describe('the model proxy', () => {
  it('asks a chat stream for its usage when the caller did not', async () => {
    await configure('openai-chat');
    answer = (_seen, response) => sendEvents(response, CASES[0]?.events ?? []);
    await world.model('acme/chat/completions', { ...chatBody, stream: true, stream_options: { other: 1 } });
    expect(JSON.parse(upstream.requests[0]?.body ?? '').stream_options).toEqual({ other: 1, include_usage: true });
  });

  it('sends the request body as it came when nothing is to be added', async () => {
    await configure('openai-chat');
    answer = (_seen, response) => sendJsonAnswer(response, 200, CASES[0]?.plain);
    const body = '{ "model" : "m1",\n "big": 12345678901234567890, "messages":[] }';
    await world.model('acme/chat/completions', body);
    expect(upstream.requests[0]?.body).toBe(body);
  });

  it('says that a provider is down, does not answer, or stops in the middle', async () => {
    await configure('openai-chat');
    answer = () => {};
    const late = await world.model('acme/chat/completions', chatBody, { callId: 'c1' });
    expect([late.status, late.error?.code]).toEqual([504, 'timeout']);
    expect((await world.call('c1')).state).toBe('estimated');
    answer = (_seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"choices":[]}\n\n');
    };
    const stuck = await world.model('acme/chat/completions', { ...chatBody, stream: true }, { callId: 'c2' });
    expect(stuck.text).toContain('stopped sending');
    await upstream[Symbol.asyncDispose]();
    const down = await world.model('acme/chat/completions', chatBody, { callId: 'c3' });
    expect([down.status, down.error?.code]).toEqual([502, 'model.unreachable']);
    expect(down.error?.message).toContain('ECONNREFUSED');
    expect(await world.call('c3')).toMatchObject({ state: 'released', costUsd: 0 });
  });

  it('keeps the reservation when the numbers are absurd or missing', async () => {
    await configure('openai-chat');
    const reports = [
      { prompt_tokens: -5, completion_tokens: 1 },
      { prompt_tokens: 5, completion_tokens: 1.5 },
      { prompt_tokens: 10_000_001, completion_tokens: 1 },
      { prompt_tokens: 10, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 11 } },
      { prompt_tokens: 0, completion_tokens: 0 },
      { prompt_tokens: '10', completion_tokens: 1 },
      null,
    ];
    for (const [index, usage] of reports.entries()) {
      answer = (_seen, response) => sendJsonAnswer(response, 200, { choices: [], usage });
      await world.model('acme/chat/completions', chatBody, { callId: `a${index}` });
      const record = await world.call(`a${index}`);
      expect([index, record.state, record.costUsd]).toEqual([index, 'estimated', record.reservedUsd]);
    }
  });

  it('replaces a known secret in an answer, also across chunks', async () => {
    await configure('openai-chat');
    await world.owner.putSecret('other', Buffer.from('another-very-secret-value'));
    answer = (_seen, response) => {
      response.setHeader('x-request-id', KEY);
      sendEvents(response, [
        `data: {"a":"${KEY.slice(0, 9)}`,
        `${KEY.slice(9)} another-very-secret-value"}\n\n`,
        'data: [DONE]\n\n',
      ]);
    };
    const got = await world.model('acme/chat/completions', { ...chatBody, stream: true });
    expect(got.text).toBe('data: {"a":"[secret] [secret]"}\n\ndata: [DONE]\n\n');
    expect(JSON.stringify(got.headers)).not.toContain(KEY);
    answer = (_seen, response) => sendJsonAnswer(response, 200, { echo: KEY });
    expect((await world.model('acme/chat/completions', chatBody)).text).toBe('{"echo":"[secret]"}');
  });

  it('refuses what it cannot price, unless it runs on this machine', async () => {
    answer = (_seen, response) => sendJsonAnswer(response, 200, CASES[0]?.plain);
    await world.owner.putProvider('far', { wire: 'openai-chat', baseUrl: 'https://far.example/v1' });
    const far = await world.model('far/chat/completions', chatBody);
    expect([far.status, far.error?.code]).toEqual([400, 'model.unpriced']);
    expect(far.error?.remedy).toContain('--input-price');
    await world.owner.putProvider('near', { wire: 'openai-chat', baseUrl: `${upstream.url}/v1` });
    const near = await world.model('near/chat/completions', chatBody, { callId: 'n1' });
    expect(near.status).toBe(200);
    expect(await world.call('n1')).toMatchObject({ state: 'settled', costUsd: 0, inputTokens: 100 });
  });

  it('refuses bad calls with a clear error in the format of the caller', async () => {
    await configure('openai-chat');
    const refusals: [Promise<{ status: number; error: { code: string } | undefined }>, number, string][] = [
      [world.model('acme/chat/completions', 'not json'), 400, 'bad-request'],
      [world.model('acme/chat/completions', '[1]'), 400, 'bad-request'],
      [world.model('acme/chat/completions', { messages: [] }), 400, 'bad-request'],
      [world.model('acme/chat/completions', { ...chatBody, max_tokens: -1 }), 400, 'bad-request'],
      [world.model('acme/files', {}), 404, 'not-found'],
      [world.model('acme/chat/completions/../../files', {}), 404, 'not-found'],
      [world.model('acme/messages', chatBody), 404, 'not-found'],
      [world.model('nobody/chat/completions', chatBody), 404, 'model.unknown-provider'],
      [world.model('acme/chat/completions', chatBody, { agent: 'Bad Agent' }), 400, 'bad-request'],
      [world.model('acme/chat/completions', chatBody, { callId: '' }), 400, 'bad-request'],
      [world.model('acme/chat/completions', chatBody, { method: 'GET' }), 400, 'bad-request'],
    ];
    for (const [call, status, code] of refusals) {
      const got = await call;
      expect([got.status, got.error?.code]).toEqual([status, code]);
    }
    expect(upstream.requests.length).toBe(0);
  });

  it('refuses a body over the limit without reading it all', async () => {
    await configure('openai-chat');
    const got = await world.model('acme/chat/completions', '{}', { headers: { 'content-length': '99999999' } });
    expect([got.status, got.error?.code, got.headers.connection]).toEqual([413, 'too-large', 'close']);
  });

  it('writes down what a stop cuts off, and says so to the caller', async () => {
    await configure('openai-chat');
    answer = (_seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"choices":[]}\n\n');
    };
    let begun = false;
    const call = world.model(
      'acme/chat/completions',
      { ...chatBody, stream: true },
      {
        callId: 's1',
        onChunk: () => {
          begun = true;
        },
      },
    );
    const failed = expect(call).rejects.toThrow();
    await eventually(() => (begun ? true : undefined));
    await world.restart();
    await failed;
    const record = await world.call('s1');
    expect(record).toMatchObject({ state: 'estimated', costUsd: record.reservedUsd });
    expect(world.logs.join('')).not.toContain('could not be written');
  });

  it('asks for a key where the provider needs one', async () => {
    await world.owner.putProvider('openai', {
      wire: 'openai-responses',
      baseUrl: `${upstream.url}/v1`,
      prices: PRICES,
    });
    const got = await world.model('openai/responses', { model: 'gpt-5.2', input: 'x' });
    expect([got.status, got.error?.code]).toEqual([404, 'vault.secret-missing']);
  });
});
