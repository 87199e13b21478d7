import type { ServerResponse } from 'node:http';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { generateText, jsonSchema, streamText, type ToolSet } from 'ai';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SeenRequest, sendEvents, sendJsonAnswer, startUpstream, type Upstream } from '../testing/upstream.ts';
import { createVaultWorld, type VaultWorld } from '../testing/vault-world.ts';

/**
 * The official SDKs as clients of the loopback listener: a caller token where they put their API key, and nothing else
 * changed but the base URL. The upstream speaks just enough of each format to satisfy its SDK.
 */
const KEY = 'sk-canary-0a1b2c3d4e5f60718293';
const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } as const;

let world: VaultWorld;
let upstream: Upstream;
let token: string;
let base: string;

beforeAll(async () => {
  world = await createVaultWorld({ tcpPort: 0 });
  upstream = await startUpstream(answer);
  base = `http://127.0.0.1:${world.vault.tcpPort}/model`;
  const prices = { '*': { input: 1, output: 2 } };
  for (const [id, wire] of [
    ['acme', 'openai-responses'],
    ['claude', 'anthropic-messages'],
    ['gem', 'google-generate'],
  ] as const) {
    await world.owner.putProvider(id, { wire, baseUrl: `${upstream.url}/v1`, prices });
    await world.owner.putSecret(`provider.${id}`, Buffer.from(KEY));
  }
  token = (await world.owner.createCaller('tester', 'sdk test')).token;
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const data = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;
const event = (value: { type: string }): string => `event: ${value.type}\n${data(value)}`;

function answer(seen: SeenRequest, response: ServerResponse): void {
  const { authorization, 'x-api-key': anthropicKey, 'x-goog-api-key': googleKey } = seen.headers;
  const body = JSON.parse(seen.body);
  if (![authorization, anthropicKey, googleKey].some((key) => typeof key === 'string' && key.endsWith(KEY))) {
    sendJsonAnswer(response, 401, { error: { message: 'bad key' } });
  } else if (seen.body.includes('rate limit me')) {
    response.setHeader('retry-after', '0');
    sendJsonAnswer(response, 429, { error: { message: 'slow down' } });
  } else if (seen.url.endsWith('/chat/completions')) (body.stream ? chatStream : chatPlain)(body, response);
  else if (seen.url.endsWith('/responses')) responses(body, response);
  else if (seen.url.endsWith('/messages')) (body.stream ? claudeStream : claudePlain)(response);
  else google(seen.url, response);
}

const call = { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Bern"}' } };
const chatUsage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };
const chunk = (choice: object | undefined, usage: object | null = null): string =>
  data({
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: choice ? [{ index: 0, ...choice }] : [],
    usage,
  });

function chatPlain(body: { tools?: unknown[] }, response: ServerResponse): void {
  const message = body.tools
    ? { role: 'assistant', content: null, tool_calls: [call] }
    : { role: 'assistant', content: 'plain answer' };
  const choices = [{ index: 0, message, finish_reason: body.tools ? 'tool_calls' : 'stop' }];
  sendJsonAnswer(response, 200, {
    id: 'c',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices,
    usage: chatUsage,
  });
}

function chatStream(body: { tools?: unknown[] }, response: ServerResponse): void {
  const delta = body.tools ? { tool_calls: [{ index: 0, ...call }] } : { content: 'streamed answer' };
  sendEvents(response, [
    chunk({ delta: { role: 'assistant' }, finish_reason: null }),
    chunk({ delta, finish_reason: null }),
    chunk({ delta: {}, finish_reason: body.tools ? 'tool_calls' : 'stop' }),
    chunk(undefined, chatUsage),
    'data: [DONE]\n\n',
  ]);
}

function responses(body: { stream?: boolean; tools?: unknown[] }, response: ServerResponse): void {
  const item = body.tools
    ? {
        type: 'function_call',
        id: 'fc_1',
        call_id: 'call_1',
        name: 'weather',
        arguments: '{"city":"Bern"}',
        status: 'completed',
      }
    : {
        type: 'message',
        id: 'msg_1',
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text: 'an answer', annotations: [] }],
      };
  const usage = {
    input_tokens: 11,
    output_tokens: 7,
    total_tokens: 18,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens_details: { reasoning_tokens: 0 },
  };
  const whole = {
    id: 'resp_1',
    object: 'response',
    created_at: 1,
    model: 'm',
    status: 'completed',
    output: [item],
    usage,
    error: null,
    incomplete_details: null,
  };
  if (!body.stream) {
    sendJsonAnswer(response, 200, whole);
    return;
  }
  const middle = body.tools
    ? [
        event({
          type: 'response.function_call_arguments.delta',
          item_id: 'fc_1',
          output_index: 0,
          delta: '{"city":"Bern"}',
        } as { type: string }),
      ]
    : [
        event({
          type: 'response.output_text.delta',
          item_id: 'msg_1',
          output_index: 0,
          content_index: 0,
          delta: 'an answer',
        } as { type: string }),
      ];
  sendEvents(response, [
    event({ type: 'response.created', response: { ...whole, status: 'in_progress', output: [], usage: null } } as {
      type: string;
    }),
    event({
      type: 'response.output_item.added',
      output_index: 0,
      item: { ...item, ...(body.tools ? { arguments: '' } : { content: [] }) },
    } as { type: string }),
    ...middle,
    event({ type: 'response.output_item.done', output_index: 0, item } as { type: string }),
    event({ type: 'response.completed', response: whole } as { type: string }),
  ]);
}

const toolUse = { type: 'tool_use', id: 'tu_1', name: 'weather', input: { city: 'Bern' } };
const claudeUsage = { input_tokens: 11, output_tokens: 7 };
const claudeHead = { id: 'm1', type: 'message', role: 'assistant', model: 'm', stop_sequence: null };

function claudePlain(response: ServerResponse): void {
  const content = [{ type: 'text', text: 'plain answer' }, toolUse];
  sendJsonAnswer(response, 200, { ...claudeHead, content, stop_reason: 'tool_use', usage: claudeUsage });
}

function claudeStream(response: ServerResponse): void {
  const events: { type: string }[] = [
    {
      type: 'message_start',
      message: { ...claudeHead, content: [], stop_reason: null, usage: { input_tokens: 11, output_tokens: 1 } },
    } as { type: string },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } } as { type: string },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'streamed answer' } } as {
      type: string;
    },
    { type: 'content_block_stop', index: 0 } as { type: string },
    { type: 'content_block_start', index: 1, content_block: { ...toolUse, input: {} } } as { type: string },
    { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '{"city":"Bern"}' } } as {
      type: string;
    },
    { type: 'content_block_stop', index: 1 } as { type: string },
    { type: 'message_delta', delta: { stop_reason: 'tool_use', stop_sequence: null }, usage: { output_tokens: 7 } } as {
      type: string;
    },
    { type: 'message_stop' },
  ];
  sendEvents(response, events.map(event));
}

function google(url: string, response: ServerResponse): void {
  const parts = [{ text: 'an answer' }, { functionCall: { name: 'weather', args: { city: 'Bern' } } }];
  const usageMetadata = { promptTokenCount: 11, candidatesTokenCount: 7, totalTokenCount: 18 };
  const whole = { candidates: [{ index: 0, content: { role: 'model', parts }, finishReason: 'STOP' }], usageMetadata };
  if (url.includes('stream')) sendEvents(response, [data(whole)]);
  else sendJsonAnswer(response, 200, whole);
}

const asked = [{ role: 'user' as const, content: 'hello' }];
const weather = {
  type: 'function' as const,
  function: { name: 'weather', parameters: { ...schema, required: ['city'] } },
};

async function lastCalls(): Promise<number> {
  return (await world.owner.listBudgets()).find((view) => view.agent === 'tester')?.spentTodayUsd ?? 0;
}

/** Every call of this file reports 11 in and 7 out: 25 millionths of a dollar. */
async function costs<T>(work: () => PromiseLike<T>): Promise<T> {
  const before = await lastCalls();
  const result = await work();
  expect((await lastCalls()) - before).toBeCloseTo(25e-6, 12);
  return result;
}

describe('the openai SDK', () => {
  const client = () => new OpenAI({ apiKey: token, baseURL: `${base}/acme`, maxRetries: 0 });

  it('completes, streams and calls tools', async () => {
    const plain = await costs(() => client().chat.completions.create({ model: 'm', max_tokens: 50, messages: asked }));
    expect(plain.choices[0]?.message.content).toBe('plain answer');
    const tools = await costs(() =>
      client().chat.completions.create({ model: 'm', max_tokens: 50, messages: asked, tools: [weather] }),
    );
    expect(tools.choices[0]?.message.tool_calls?.[0]).toMatchObject({ function: { name: 'weather' } });
    const text = await costs(async () => {
      let all = '';
      const stream = await client().chat.completions.create({
        model: 'm',
        max_tokens: 50,
        messages: asked,
        stream: true,
      });
      for await (const part of stream) all += part.choices[0]?.delta.content ?? '';
      return all;
    });
    expect(text).toBe('streamed answer');
  });

  it('uses the Responses API, plain and streaming', async () => {
    const plain = await costs(() => client().responses.create({ model: 'm', max_output_tokens: 50, input: 'hello' }));
    expect(plain.output_text).toBe('an answer');
    const types = await costs(async () => {
      const seen: string[] = [];
      for await (const part of await client().responses.create({
        model: 'm',
        max_output_tokens: 50,
        input: 'hello',
        stream: true,
      }))
        seen.push(part.type);
      return seen;
    });
    expect(types.at(-1)).toBe('response.completed');
  });

  it('gets errors it understands', async () => {
    const wrong = new OpenAI({ apiKey: 'nonsense', baseURL: `${base}/acme`, maxRetries: 0 });
    await expect(wrong.chat.completions.create({ model: 'm', messages: asked })).rejects.toBeInstanceOf(
      OpenAI.AuthenticationError,
    );
    const limited = client().chat.completions.create({
      model: 'm',
      max_tokens: 5,
      messages: [{ role: 'user', content: 'rate limit me' }],
    });
    await expect(limited).rejects.toBeInstanceOf(OpenAI.RateLimitError);
    await world.owner.putBudget('poor', { dailyUsd: 0, monthlyUsd: 0 });
    const poor = new OpenAI({ apiKey: (await world.owner.createCaller('poor')).token, baseURL: `${base}/acme` });
    await expect(poor.chat.completions.create({ model: 'm', messages: asked })).rejects.toMatchObject({
      status: 402,
      code: 'budget.exceeded',
    });
  });
});

describe('the @anthropic-ai/sdk', () => {
  const client = () => new Anthropic({ apiKey: token, baseURL: `${base}/claude`, maxRetries: 0 });
  const request = {
    model: 'm',
    max_tokens: 50,
    messages: asked,
    tools: [{ name: 'weather', input_schema: { ...schema, required: ['city'] } }],
  };

  it('completes, streams and calls tools', async () => {
    const plain = await costs(() => client().messages.create(request));
    expect(plain.content[1]).toMatchObject({ type: 'tool_use', input: { city: 'Bern' } });
    const final = await costs(() => client().messages.stream(request).finalMessage());
    expect(final.content).toMatchObject([{ text: 'streamed answer' }, { input: { city: 'Bern' } }]);
  });

  it('gets errors it understands', async () => {
    const wrong = new Anthropic({ apiKey: 'nonsense', baseURL: `${base}/claude`, maxRetries: 0 });
    await expect(wrong.messages.create(request)).rejects.toBeInstanceOf(Anthropic.AuthenticationError);
    const limited = client().messages.create({ ...request, messages: [{ role: 'user', content: 'rate limit me' }] });
    await expect(limited).rejects.toBeInstanceOf(Anthropic.RateLimitError);
  });
});

describe('the @google/genai SDK', () => {
  const client = () => new GoogleGenAI({ apiKey: token, httpOptions: { baseUrl: `${base}/gem` } });
  const request = { model: 'm', contents: 'hello', config: { maxOutputTokens: 50 } };

  it('completes, streams and calls tools', async () => {
    const plain = await costs(() => client().models.generateContent(request));
    expect(plain.functionCalls?.[0]).toMatchObject({ name: 'weather', args: { city: 'Bern' } });
    const text = await costs(async () => {
      let all = '';
      for await (const part of await client().models.generateContentStream(request))
        all += part.candidates?.[0]?.content?.parts?.[0]?.text ?? '';
      return all;
    });
    expect(text).toBe('an answer');
  });

  it('gets errors it understands', async () => {
    const wrong = new GoogleGenAI({ apiKey: 'nonsense', httpOptions: { baseUrl: `${base}/gem` } });
    await expect(wrong.models.generateContent(request)).rejects.toMatchObject({ status: 401 });
  });
});

describe('the AI SDK', () => {
  const inputSchema = jsonSchema<never>({ ...schema, required: ['city'] });
  const tools: ToolSet = { weather: { description: 'w', inputSchema } };
  const models = () => [
    createOpenAI({ apiKey: token, baseURL: `${base}/acme` }).responses('m'),
    createOpenAICompatible({ name: 'acme', apiKey: token, baseURL: `${base}/acme` })('m'),
    createAnthropic({ apiKey: token, baseURL: `${base}/claude` })('m'),
    createGoogleGenerativeAI({ apiKey: token, baseURL: `${base}/gem` })('m'),
  ];

  it('completes with every provider package', async () => {
    for (const model of models()) {
      const result = await costs(() =>
        generateText({ model, prompt: 'hello', maxOutputTokens: 50, tools, maxRetries: 0 }),
      );
      expect([model.provider, result.toolCalls[0]?.input]).toEqual([model.provider, { city: 'Bern' }]);
    }
  });

  it('streams with every provider package', async () => {
    for (const model of models()) {
      const toolCalls = await costs(() =>
        streamText({ model, prompt: 'hello', maxOutputTokens: 50, tools, maxRetries: 0 }).toolCalls.then(
          (calls) => calls,
        ),
      );
      expect([model.provider, toolCalls[0]?.input]).toEqual([model.provider, { city: 'Bern' }]);
    }
  });
});

describe('the loopback listener', () => {
  const fetchAs = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${base.replace('/model', '')}${path}`, { method: 'POST', ...init });
  const bearer = (): Record<string, string> => ({ authorization: `Bearer ${token}` });

  it('serves model calls alone, to known tokens alone, and no web page', async () => {
    expect((await fetchAs('/model/acme/chat/completions', { body: '{}' })).status).toBe(401);
    expect((await fetchAs('/status', { method: 'GET', headers: bearer() })).status).toBe(404);
    expect((await fetchAs('/secrets/x', { method: 'PUT', headers: bearer(), body: 'x' })).status).toBe(404);
    expect((await fetchAs('/fetch', { headers: bearer(), body: '{}' })).status).toBe(404);
    const page = await fetchAs('/model/acme/chat/completions', {
      headers: { ...bearer(), origin: 'https://evil.example' },
      body: '{}',
    });
    expect(page.status).toBe(403);
  });

  it('takes the key of the query, does not pass it on, and forgets a deleted caller', async () => {
    const made = await world.owner.createCaller('tester');
    const path = `/model/gem/v1beta/models/m:generateContent?key=${made.token}`;
    expect((await fetchAs(path, { body: '{"contents":[]}' })).status).toBe(200);
    expect(upstream.requests.at(-1)?.url).toBe('/v1/models/m:generateContent');
    await world.owner.deleteCaller(made.id);
    expect((await fetchAs(path, { body: '{"contents":[]}' })).status).toBe(401);
    expect((await world.owner.listCallers()).some((caller) => caller.id === made.id)).toBe(false);
  });

  it('never lets the key be seen', () => {
    expect(JSON.stringify(world.logs)).not.toContain(KEY);
  });
});
