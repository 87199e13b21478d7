import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../base/logger.ts';
import { answerFrames, eventFrame, exceptionFrame, sendFrames } from '../../../testing/bedrock.ts';
import { type Answer, sendJsonAnswer, startUpstream, type Upstream } from '../../../testing/upstream.ts';
import { createVaultWorld, type VaultWorld } from '../../../testing/vault-world.ts';
import { createVaultClient, type VaultClient } from '../../vault-client/vault-client.ts';
import type { ModelEvent, ModelRequest } from '../model.ts';
import { createModels } from '../models.ts';

/** Bedrock through the vault, from the host's request to the host's events: tools, reasoning, errors, costs. */
let world: VaultWorld;
let upstream: Upstream;
let client: VaultClient;
let answer: Answer;

beforeEach(async () => {
  world = await createVaultWorld();
  upstream = await startUpstream((seen, response) => answer(seen, response));
  const prices = { '*': { input: 1, output: 2 } };
  const setting = { wire: 'bedrock-converse', auth: 'aws', region: 'us-east-1', prices } as const;
  await world.owner.putProvider('bedrock', { ...setting, baseUrl: upstream.url });
  await world.owner.putSecret('provider.bedrock', Buffer.from('AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEX'));
  client = createVaultClient({ socketPath: world.home.vaultHostSocket, log: silentLogger });
});
afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

let calls = 0;
async function collect(change: Partial<ModelRequest> = {}): Promise<ModelEvent[]> {
  calls += 1;
  const models = createModels({ vault: client, log: silentLogger });
  const events: ModelEvent[] = [];
  const request: ModelRequest = {
    ...{ model: 'bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0', agentId: 'a', runId: 'r', callId: `b${calls}` },
    ...{ system: 'Be brief.', transcript: [{ role: 'user', text: 'hello' }], tools: [], maxOutputTokens: 100 },
    ...{ thinking: 'off', signal: AbortSignal.timeout(10_000), ...change },
  };
  for await (const event of models.stream(request)) events.push(event);
  return events;
}
const sent = (index = 0) => JSON.parse(upstream.requests[index]?.body ?? '{}');
const USAGE = { inputTokens: 10, outputTokens: 5, totalTokens: 15 };

describe('Bedrock, end to end', () => {
  it('streams text and costs what the vault settled', async () => {
    answer = (_seen, response) => sendFrames(response, answerFrames('Hello to you.', USAGE), 11);
    const events = await collect();
    expect(events.flatMap((event) => (event.type === 'text' ? [event.delta] : [])).join('')).toBe('Hello to you.');
    expect(events.at(-1)).toMatchObject({
      type: 'finished',
      stop: 'end',
      usage: { inputTokens: 10, outputTokens: 5 },
      cost: { usd: 20e-6, estimated: false },
    });
    expect(sent()).toEqual({
      messages: [{ role: 'user', content: [{ text: 'hello' }] }],
      system: [{ text: 'Be brief.' }],
      inferenceConfig: { maxTokens: 100 },
    });
  });

  it('calls tools, gives their results back, and its reasoning with its signature', async () => {
    answer = (_seen, response) =>
      sendFrames(response, [
        eventFrame('messageStart', { role: 'assistant' }),
        eventFrame('contentBlockDelta', { contentBlockIndex: 0, delta: { reasoningContent: { text: 'Let me see.' } } }),
        eventFrame('contentBlockDelta', {
          contentBlockIndex: 0,
          delta: { reasoningContent: { signature: 'SIGNED==' } },
        }),
        eventFrame('contentBlockStop', { contentBlockIndex: 0 }),
        eventFrame('contentBlockStart', {
          contentBlockIndex: 1,
          start: { toolUse: { toolUseId: 'tooluse_1', name: 'look' } },
        }),
        eventFrame('contentBlockDelta', { contentBlockIndex: 1, delta: { toolUse: { input: '{"where":' } } }),
        eventFrame('contentBlockDelta', { contentBlockIndex: 1, delta: { toolUse: { input: '"here"}' } } }),
        eventFrame('contentBlockStop', { contentBlockIndex: 1 }),
        eventFrame('messageStop', { stopReason: 'tool_use' }),
        eventFrame('metadata', { usage: USAGE }),
      ]);
    const look = { name: 'look', description: 'Looks.', inputSchema: { type: 'object', properties: {} } };
    const finished = (await collect({ tools: [look], thinking: 'low' })).at(-1);
    if (finished?.type !== 'finished') throw new Error(JSON.stringify(finished));
    expect(finished.stop).toBe('tool-calls');
    expect(finished.message.parts).toMatchObject([
      { type: 'reasoning', text: 'Let me see.' },
      { type: 'tool-call', callId: 'tooluse_1', tool: 'look', input: { where: 'here' } },
    ]);
    expect(sent()).toMatchObject({
      toolConfig: { tools: [{ toolSpec: { name: 'look', inputSchema: { json: { type: 'object' } } } }] },
      additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens: 5_000 } },
      inferenceConfig: { maxTokens: 5_100 },
    });
    answer = (_seen, response) => sendFrames(response, answerFrames('Seen.', USAGE));
    await collect({
      transcript: [
        { role: 'user', text: 'hello' },
        finished.message,
        { role: 'tool', callId: 'tooluse_1', tool: 'look', text: 'a file', isError: false },
      ],
    });
    expect(sent(1).messages).toEqual([
      { role: 'user', content: [{ text: 'hello' }] },
      {
        role: 'assistant',
        content: [
          { reasoningContent: { reasoningText: { text: 'Let me see.', signature: 'SIGNED==' } } },
          { toolUse: { toolUseId: 'tooluse_1', name: 'look', input: { where: 'here' } } },
        ],
      },
      {
        role: 'user',
        content: [{ toolResult: { toolUseId: 'tooluse_1', content: [{ text: 'a file' }], status: 'success' } }],
      },
    ]);
    // A conversation with calls needs the tool described, also when none is offered any more.
    expect(sent(1).toolConfig.tools[0].toolSpec.name).toBe('look');
  });

  it.each([
    ['throttlingException', 'Too many requests', 'model.rate-limited'],
    ['internalServerException', 'The system encountered an error', 'model.overloaded'],
    ['validationException', 'Input is too long for requested model.', 'model.context-overflow'],
    ['modelStreamErrorException', 'Stream broke', 'model.bad-response'],
  ])('%s in the middle of a stream', async (type, words, code) => {
    answer = (_seen, response) =>
      sendFrames(response, [eventFrame('messageStart', { role: 'assistant' }), exceptionFrame(type, words)]);
    expect((await collect()).at(-1)).toMatchObject({ type: 'failed', error: { code } });
  });

  it.each([
    ['cut in a frame', (frames: Buffer[]) => [Buffer.concat(frames).subarray(0, -20)]],
    ['cut between frames', (frames: Buffer[]) => frames.slice(0, 2)],
    ['garbled', (frames: Buffer[]) => [...frames.slice(0, 2), Buffer.alloc(200, 7)]],
  ])('a stream that is %s is a failure that may be tried again', async (_name, spoil) => {
    answer = (_seen, response) => sendFrames(response, spoil(answerFrames('Hello there.', USAGE)));
    expect((await collect()).at(-1)).toMatchObject({
      type: 'failed',
      error: { code: 'model.bad-response', retryable: true },
    });
  });

  it('says what Bedrock refuses', async () => {
    answer = (_seen, response) =>
      sendJsonAnswer(response, 403, { message: 'User is not authorized to perform: bedrock:InvokeModel' });
    expect((await collect()).at(-1)).toMatchObject({ type: 'failed', error: { code: 'model.auth' } });
  });
});
