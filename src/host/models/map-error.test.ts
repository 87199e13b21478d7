import { describe, expect, it } from 'vitest';
import { HoldfastError } from '../../protocol/error.ts';
import { mapError } from './map-error.ts';
import { StreamErrorPart } from './parse-stream.ts';
import { retryAfterMs } from './retry-after.ts';

const TARGET = { provider: 'acme', model: 'm-1' };
const http = (statusCode: number, body: unknown, responseHeaders: Record<string, string> = {}) =>
  Object.assign(new Error('http'), {
    statusCode,
    responseBody: typeof body === 'string' ? body : JSON.stringify(body),
    responseHeaders,
  });

/** What vendors really send, shortened. */
const VENDORS: [string, unknown, string][] = [
  [
    'OpenAI, key',
    http(401, {
      error: { message: 'Incorrect API key provided: sk-...', type: 'invalid_request_error', code: 'invalid_api_key' },
    }),
    'model.auth',
  ],
  [
    'OpenAI, empty account',
    http(429, {
      error: {
        message: 'You exceeded your current quota, please check your plan and billing details.',
        type: 'insufficient_quota',
        code: 'insufficient_quota',
      },
    }),
    'model.billing',
  ],
  [
    'OpenAI, rate',
    http(429, {
      error: {
        message: 'Rate limit reached for gpt-5 in organization on tokens per min (TPM)',
        code: 'rate_limit_exceeded',
      },
    }),
    'model.rate-limited',
  ],
  [
    'OpenAI, context',
    http(400, {
      error: { message: 'Your input exceeds the context window of this model.', code: 'context_length_exceeded' },
    }),
    'model.context-overflow',
  ],
  [
    'OpenAI, chat context',
    http(400, {
      error: {
        message:
          "This model's maximum context length is 128000 tokens. However, your messages resulted in 200000 tokens.",
      },
    }),
    'model.context-overflow',
  ],
  [
    'OpenAI, flagged',
    http(400, {
      error: { message: 'Invalid prompt: your prompt was flagged as potentially violating our usage policy.' },
    }),
    'model.refused',
  ],
  [
    'Anthropic, key',
    http(401, { type: 'error', error: { type: 'authentication_error', message: 'invalid x-api-key' } }),
    'model.auth',
  ],
  [
    'Anthropic, balance',
    http(400, {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'Your credit balance is too low to access the Anthropic API.' },
    }),
    'model.billing',
  ],
  [
    'Anthropic, context',
    http(400, {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'prompt is too long: 210000 tokens > 200000 maximum' },
    }),
    'model.context-overflow',
  ],
  [
    'Anthropic, output and context',
    http(400, {
      type: 'error',
      error: { message: 'input length and `max_tokens` exceed context limit: 190000 + 21333 > 200000' },
    }),
    'model.context-overflow',
  ],
  [
    'Anthropic, overloaded',
    http(529, { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }),
    'model.overloaded',
  ],
  [
    'Anthropic, bad request',
    http(400, {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'messages: text content blocks must be non-empty' },
    }),
    'bad-request',
  ],
  [
    'Google, key',
    http(400, {
      error: {
        code: 400,
        message: 'API key not valid. Please pass a valid API key.',
        status: 'INVALID_ARGUMENT',
        details: [{ reason: 'API_KEY_INVALID' }],
      },
    }),
    'model.auth',
  ],
  [
    'Google, rate',
    http(429, {
      error: {
        code: 429,
        message: 'You exceeded your current quota, please check your plan and billing details.',
        status: 'RESOURCE_EXHAUSTED',
      },
    }),
    'model.rate-limited',
  ],
  [
    'Google, context',
    http(400, {
      error: {
        code: 400,
        message: 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
        status: 'INVALID_ARGUMENT',
      },
    }),
    'model.context-overflow',
  ],
  [
    'Google, as a list',
    http(503, [{ error: { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' } }]),
    'model.overloaded',
  ],
  ['DeepSeek, balance', http(402, { error: { message: 'Insufficient Balance' } }), 'model.billing'],
  [
    'Groq, context',
    http(413, {
      error: {
        message: 'Request too large for model: please reduce the length of the messages or completion.',
        code: 'request_too_large',
      },
    }),
    'model.context-overflow',
  ],
  [
    'Mistral, context',
    http(400, { message: 'Prompt contains 40000 tokens, too large for model with 32768 maximum context length' }),
    'model.context-overflow',
  ],
  [
    'llama.cpp, context',
    http(400, {
      error: {
        code: 400,
        message: 'the request exceeds the available context size',
        type: 'exceed_context_size_error',
      },
    }),
    'model.context-overflow',
  ],
  [
    'Moonshot, account',
    http(429, {
      error: { message: 'Your account is suspended, please check your plan', type: 'exceeded_current_quota_error' },
    }),
    'model.billing',
  ],
  ['a gate without words', http(403, ''), 'model.auth'],
  ['a server without words', http(500, ''), 'model.overloaded'],
  ['a request timeout', http(408, ''), 'timeout'],
  [
    'in the stream, Anthropic',
    new StreamErrorPart({ type: 'overloaded_error', message: 'Overloaded' }),
    'model.overloaded',
  ],
  ['in the stream, chat', new StreamErrorPart({ message: 'Rate limit exceeded', code: 429 }), 'model.rate-limited'],
  [
    'in the stream, Responses',
    new StreamErrorPart({
      type: 'response.failed',
      response: { error: { code: 'server_error', message: 'try again' } },
    }),
    'model.overloaded',
  ],
  ['in the stream, text', new StreamErrorPart('boom'), 'model.bad-response'],
];

describe('mapError', () => {
  it.each(VENDORS)('%s', (_name, thrown, code) => {
    const error = mapError(thrown, TARGET);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/^acme: ./);
  });

  it('believes the vault before the provider, even deep down', () => {
    const own = new HoldfastError('vault.unreachable', 'gone', { retryable: true });
    expect(mapError(new Error('a', { cause: new TypeError('fetch failed', { cause: own }) }), TARGET)).toEqual({
      code: 'vault.unreachable',
      message: 'gone',
      retryable: true,
    });
    const header = Buffer.from(JSON.stringify({ code: 'model.unpriced', message: 'no price' })).toString('base64url');
    expect(mapError(http(402, '', { 'x-holdfast-error': header }), TARGET)).toMatchObject({ code: 'model.unpriced' });
  });

  it.each([
    ['model.refused', 400, 'API key not valid. Please pass a valid API key.', 'model.auth', undefined],
    ['model.refused', 400, 'the request exceeds the available context size', 'model.context-overflow', undefined],
    ['model.refused', 400, 'tools.0.name: invalid', 'model.refused', undefined],
    [
      'model.billing',
      429,
      'You exceeded your current quota, please check your plan and billing details.',
      'model.rate-limited',
      true,
    ],
    [
      'model.billing',
      429,
      'You exceeded your current quota … billing details. / insufficient_quota',
      'model.billing',
      undefined,
    ],
  ])('reads what the vault called %s (%i: %s) again', (code, status, providerSays, expected, retryable) => {
    const shape = { code, message: 'as the vault says it', details: { provider: 'acme', status, providerSays } };
    const header = Buffer.from(JSON.stringify(shape)).toString('base64url');
    const error = mapError(http(status, '', { 'x-holdfast-error': header }), TARGET);
    expect([error.code, error.message, error.retryable]).toEqual([expected, 'as the vault says it', retryable]);
  });

  it('takes the vault’s code from an error in the middle of a stream', () => {
    const part = { message: 'ACME broke the connection.', type: 'server_error', code: 'model.bad-response' };
    expect(mapError(new StreamErrorPart(part), TARGET)).toMatchObject({ code: 'model.bad-response', retryable: true });
  });

  it('survives anything', () => {
    const circular: Record<string, unknown> = {};
    circular['error'] = circular;
    for (const thrown of [
      undefined,
      null,
      0,
      '',
      [],
      {},
      Symbol('x'),
      circular,
      new StreamErrorPart(circular),
      new StreamErrorPart(null),
    ]) {
      expect(mapError(thrown, TARGET)).toMatchObject({ code: 'model.bad-response', retryable: true });
    }
  });

  it('never repeats what a provider says of a key', () => {
    for (const status of [401, 403]) {
      const error = mapError(http(status, { error: { message: 'Incorrect API key provided: sk-ab**cd' } }), TARGET);
      expect(JSON.stringify(error)).not.toContain('sk-ab');
    }
  });

  it('shows a provider’s words in one short line', () => {
    const { message } = mapError(http(500, { error: { message: `a\n\u001b[31m${'b'.repeat(5_000)}` } }), TARGET);
    expect(message.length).toBeLessThan(330);
    expect(message).not.toMatch(/\p{Cc}/u);
  });
});

describe('retryAfterMs', () => {
  it.each([
    [{ 'retry-after': '3' }, '', 3_000],
    [{ 'retry-after-ms': '250', 'retry-after': '3' }, '', 250],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:10 GMT' }, '', 9_000],
    [{ 'retry-after': '-5' }, '', 0],
    [{ 'retry-after': 'soon' }, '', undefined],
    [{ 'retry-after': '9999999999' }, '', 86_400_000],
    [{}, '"retryDelay": "37s"', 37_000],
    [{}, 'Please try again in 7.66s.', 7_660],
    [{}, 'Please try again in 120ms', 120],
    [{}, 'nothing', undefined],
  ])('%j %s', (headers, words, expected) => {
    expect(retryAfterMs(headers, words, 1_000)).toBe(expected);
  });
});
