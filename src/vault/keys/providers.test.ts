import { generateKeyPairSync, verify } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFrameReader } from '../../base/event-stream.ts';
import { answerFrames, eventFrame, exceptionFrame, isSignedWith, sendFrames } from '../../testing/bedrock.ts';
import { type Answer, sendEvents, sendJsonAnswer, startUpstream, type Upstream } from '../../testing/upstream.ts';
import { createVaultWorld, type VaultWorld } from '../../testing/vault-world.ts';

/** Azure, Bedrock and Vertex, against servers that speak their wire. */
const PRICES = { '*': { input: 1, output: 2, cacheRead: 0.1, cacheWrite: 1.25 } };
const SECRET_KEY = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const AWS_KEY = `AKIAIOSFODNN7EXAMPLE:${SECRET_KEY}`;
const USAGE = {
  inputTokens: 50,
  outputTokens: 40,
  totalTokens: 140,
  cacheReadInputTokens: 30,
  cacheWriteInputTokens: 20,
};
const MODEL = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0';
const STREAM = `bedrock/model/${encodeURIComponent(MODEL)}/converse-stream`;
const BODY = { messages: [{ role: 'user', content: [{ text: 'hi' }] }], inferenceConfig: { maxTokens: 100 } };

let world: VaultWorld;
let upstream: Upstream;
let answer: Answer;
beforeEach(async () => {
  world = await createVaultWorld();
  upstream = await startUpstream((seen, response) => answer(seen, response));
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const read = (bytes: Buffer): unknown[] => {
  const frames = createFrameReader();
  return frames.push(bytes).map(({ headers, payload }) => ({
    type: headers[':event-type'] ?? headers[':exception-type'],
    value: JSON.parse(payload.toString('utf8')),
  }));
};

describe('Amazon Bedrock', () => {
  beforeEach(async () => {
    const wire = 'bedrock-converse' as const;
    const auth = 'aws' as const;
    await world.owner.putProvider('bedrock', {
      wire,
      auth,
      region: 'us-east-1',
      baseUrl: upstream.url,
      prices: PRICES,
    });
    await world.owner.putSecret('provider.bedrock', Buffer.from(AWS_KEY));
  });

  it('is signed by the vault, streams byte for byte, and is metered from its metadata event', async () => {
    answer = (_seen, response) => sendFrames(response, answerFrames('Hello there, world.', USAGE), 7);
    const got = await world.model(STREAM, BODY, { callId: 'b1', headers: { authorization: 'Bearer placeholder' } });
    expect(got).toMatchObject({ status: 200, headers: { 'content-type': 'application/vnd.amazon.eventstream' } });
    expect(got.body.equals(Buffer.concat(answerFrames('Hello there, world.', USAGE)))).toBe(true);
    const [seen] = upstream.requests;
    expect(seen?.url).toBe(`/model/${encodeURIComponent(MODEL)}/converse-stream`);
    const key = {
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      secret: SECRET_KEY,
      region: 'us-east-1',
      host: new URL(upstream.url).host,
    };
    expect(seen && isSignedWith(seen, key)).toBe(true);
    expect(seen && isSignedWith({ ...seen, body: `${seen.body} ` }, key)).toBe(false);
    expect(JSON.stringify(seen)).not.toContain(SECRET_KEY);
    // 50 fresh at 1, 30 read at 0.1, 20 written at 1.25, 40 out at 2, per million.
    expect(await world.call('b1')).toMatchObject({
      state: 'settled',
      costUsd: (50 + 3 + 25 + 80) / 1e6,
      inputTokens: 100,
      model: MODEL,
      key: 'provider.bedrock',
    });
  });

  it('answers whole too, with a temporary key', async () => {
    await world.owner.putSecret(
      'provider.bedrock',
      Buffer.from(
        JSON.stringify({ accessKeyId: 'ASIA1234567890123456', secretAccessKey: SECRET_KEY, sessionToken: 'tok' }),
      ),
    );
    answer = (_seen, response) => sendJsonAnswer(response, 200, { output: {}, stopReason: 'end_turn', usage: USAGE });
    const got = await world.model(STREAM.replace('-stream', ''), BODY, { callId: 'b2' });
    expect(got.status).toBe(200);
    expect(upstream.requests[0]?.headers).toMatchObject({ 'x-amz-security-token': 'tok' });
    expect(await world.call('b2')).toMatchObject({ state: 'settled', outputTokens: 40 });
  });

  it.each([
    ['without metadata', answerFrames('Hi.', USAGE).slice(0, -1)],
    [
      'with a broken checksum',
      [...answerFrames('Hi.', USAGE).slice(0, -1), corrupted(eventFrame('metadata', { usage: USAGE }))],
    ],
    ['with numbers taken from text', answerFrames('"usage":{"inputTokens":1,"outputTokens":1} metadata', {})],
    [
      'with an exception in the middle',
      [eventFrame('messageStart', {}), exceptionFrame('throttlingException', 'Slow down.')],
    ],
  ])('a stream %s stays charged in full', async (_name, frames) => {
    answer = (_seen, response) => sendFrames(response, frames);
    await world.model(STREAM, BODY, { callId: 's1' });
    expect((await world.call('s1')).state).toBe('estimated');
  });

  it('a stream that breaks ends with an exception of its own format', async () => {
    answer = (_seen, response) => {
      response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
      response.write(Buffer.concat(answerFrames('Hi.', USAGE).slice(0, 2)));
      setTimeout(() => response.destroy(), 50);
    };
    const got = await world.model(STREAM, BODY);
    const events = read(got.body);
    expect(events.at(-1)).toMatchObject({ type: 'internalServerException', value: { code: 'model.bad-response' } });
  });

  it('a refusal has the words of Bedrock and its format', async () => {
    answer = (_seen, response) =>
      sendJsonAnswer(response, 429, { message: 'Too many tokens, please wait before trying again.' });
    const got = await world.model(STREAM, BODY);
    expect(got).toMatchObject({ status: 429, error: { code: 'model.rate-limited' } });
    expect(JSON.parse(got.text).message).toContain('Too many tokens');
  });

  it('repeats no secret, although nothing can be taken out of a frame', async () => {
    answer = (_seen, response) => sendFrames(response, answerFrames(`the key is ${SECRET_KEY} !`, USAGE), 1_000_000);
    const got = await world.model(STREAM, BODY);
    expect(got.text).not.toContain(SECRET_KEY);
    expect(got.error?.code ?? JSON.stringify(read(got.body))).toContain('model.bad-response');
  });

  it.each([
    ['model/../../secret/converse', 404],
    ['model/a%20b/converse', 400],
    ['model/a%3Fb/converse', 400],
    ['model/x/invoke', 404],
  ])('passes no other path on: %s', async (path, status) => {
    expect((await world.model(`bedrock/${path}`, BODY)).status).toBe(status);
    expect(upstream.requests).toHaveLength(0);
  });

  it('says what is wrong with a key, without it', async () => {
    await world.owner.putSecret('provider.bedrock', Buffer.from('not-an-aws-key-canary'));
    const got = await world.model(STREAM, BODY);
    expect(got.error).toMatchObject({ code: 'model.auth', remedy: expect.stringContaining('ACCESS_KEY_ID:SECRET') });
    expect(got.text).not.toContain('canary');
  });
});

function corrupted(frame: Buffer): Buffer {
  const copy = Buffer.from(frame);
  copy.writeUInt8(copy.readUInt8(60) ^ 1, 60);
  return copy;
}

describe('Azure OpenAI', () => {
  it('gets its key in its own header, under the address of the resource', async () => {
    const baseUrl = `${upstream.url}/openai/v1`;
    await world.owner.putProvider('azure', { wire: 'openai-responses', auth: 'azure', baseUrl, prices: PRICES });
    await world.owner.putSecret('provider.azure', Buffer.from('azure-key-123456'));
    const usage = { input_tokens: 100, output_tokens: 40, input_tokens_details: { cached_tokens: 30 } };
    answer = (_seen, response) =>
      sendEvents(response, [
        `event: response.completed\ndata: ${JSON.stringify({ type: 'response.completed', response: { usage } })}\n\n`,
      ]);
    const body = { model: 'my-deployment', input: 'hi', max_output_tokens: 50, stream: true };
    expect((await world.model('azure/responses', body, { callId: 'z1' })).status).toBe(200);
    const [seen] = upstream.requests;
    expect(seen).toMatchObject({ url: '/openai/v1/responses', headers: { 'api-key': 'azure-key-123456' } });
    expect(seen?.headers.authorization).toBeUndefined();
    expect(await world.call('z1')).toMatchObject({ state: 'settled', costUsd: (70 + 3 + 80) / 1e6 });
  });
});

describe('Google Vertex AI', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const path = 'vertex/models/gemini-2.5-flash:streamGenerateContent?alt=sse';
  const body = { contents: [{ role: 'user', parts: [{ text: 'hi' }] }], generationConfig: { maxOutputTokens: 10 } };
  let tokens = 0;
  let assertion = '';

  beforeEach(async () => {
    tokens = 0;
    const place = '/v1/projects/p1/locations/global/publishers/google';
    await world.owner.putProvider('vertex', {
      ...{ wire: 'google-generate', auth: 'google-account', baseUrl: `${upstream.url}${place}`, prices: PRICES },
    });
    const file = {
      type: 'service_account',
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      private_key_id: 'k1',
      client_email: 'robot@p1.iam.gserviceaccount.com',
      token_uri: `${upstream.url}/token`,
    };
    await world.owner.putSecret('provider.vertex', Buffer.from(JSON.stringify(file)));
    await world.owner.putExceptions('tester', { hosts: [{ host: '127.0.0.1', port: upstream.port }] });
    answer = (seen, response) => {
      if (seen.url === '/token') {
        tokens += 1;
        assertion = new URLSearchParams(seen.body).get('assertion') ?? '';
        return sendJsonAnswer(response, 200, { access_token: `ya29.token-${tokens}`, expires_in: 3_600 });
      }
      const usageMetadata = { promptTokenCount: 100, candidatesTokenCount: 30, thoughtsTokenCount: 10 };
      return sendEvents(response, [`data: ${JSON.stringify({ candidates: [], usageMetadata })}\r\n\r\n`]);
    };
  });

  it('is called with a token made of the key file, which is made once', async () => {
    for (const callId of ['v1', 'v2']) expect((await world.model(path, body, { callId })).status).toBe(200);
    expect(tokens).toBe(1);
    const call = upstream.requests.find(({ url }) => url.includes('gemini'));
    expect(call?.url).toBe(
      '/v1/projects/p1/locations/global/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse',
    );
    expect(call?.headers.authorization).toBe('Bearer ya29.token-1');
    const [head = '', claims = '', signature = ''] = assertion.split('.');
    expect(verify('sha256', Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, 'base64url'))).toBe(
      true,
    );
    expect(await world.call('v2')).toMatchObject({ state: 'settled', outputTokens: 40 });
  });

  it('a key that Google refuses is said as one', async () => {
    answer = (_seen, response) =>
      sendJsonAnswer(response, 400, { error: 'invalid_grant', error_description: 'Invalid JWT' });
    expect((await world.model(path, body)).error).toMatchObject({
      code: 'model.auth',
      message: expect.stringContaining('invalid_grant'),
    });
  });
});
