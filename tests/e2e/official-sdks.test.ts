import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSimulator, type Simulator } from '../../src/simulator/simulator.ts';
import { type SdkScript, statusOf } from '../../src/testing/sdk/sdk-script.ts';
import { SDK_SCENARIO, SDK_SCRIPTS, STORY } from '../../src/testing/sdk-scripts.ts';

/**
 * The vendors' own SDKs, unchanged, against the simulator: what they accept here they accept from the real vendor. This
 * is what makes the simulator a fair judge of everything else.
 */
let simulator: Simulator;

beforeAll(async () => {
  simulator = await createSimulator({ scenarios: [SDK_SCENARIO] });
});
beforeEach(() => simulator.reset());
afterAll(() => simulator[Symbol.asyncDispose]());

const target = () => ({ root: simulator.url, apiKey: 'sk-any', model: 'test-model' });
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.unreachable('the SDK should have reported an error'),
    (error: unknown) => error,
  );

/** Reasoning is shown by every wire format that these scripts ask for it; OpenAI's chat format has none of its own. */
const showsReasoning = (script: SdkScript): boolean => script.name !== 'ai with @ai-sdk/openai, chat completions';

describe.each(SDK_SCRIPTS)('$name', (script) => {
  describe.each([
    ['streaming', true],
    ['plain', false],
  ])('%s', (_name, stream) => {
    it('reads text, reasoning and usage', async () => {
      const answer = await script.converse(target(), 'Tell me a story', { stream });
      expect(answer.text).toBe(STORY);
      if (showsReasoning(script)) expect(answer.reasoning).toBe('A short one will do.');
      expect(answer.inputTokens).toBeGreaterThan(5);
      expect(answer.outputTokens).toBeGreaterThan(20);
      expect(simulator.requests).toHaveLength(1);
      expect(simulator.requests[0]).toMatchObject({
        wire: script.wire,
        key: 'sk-any',
        outcome: 'answered',
        rule: 'sdk/story',
      });
    });

    it('calls tools side by side, and its second request passes the vendor’s checks', async () => {
      const answer = await script.converse(target(), 'How is the weather in Paris and Oslo?', { stream });
      expect(answer.cities).toEqual(['Paris', 'Oslo']);
      expect(answer.text).toContain('The tool says: sunny in Oslo.');
      expect(simulator.requests.map((request) => request.rule)).toEqual(['sdk/two cities', 'sdk/weather answer']);
    });

    it('reports 429 and 500 with their status', async () => {
      expect(statusOf(await rejection(script.converse(target(), 'rate', { stream })))).toBe(429);
      expect(statusOf(await rejection(script.converse(target(), 'crash', { stream })))).toBe(500);
    });

    it('obeys retry-after and tries again', async () => {
      const answer = await script.converse(target(), 'are you busy', { stream, retries: 1 });
      expect(answer.text).toBe('Now I have time.');
      expect(simulator.requests.map((request) => request.status)).toEqual([429, 200]);
    });

    it('notices a connection that breaks', async () => {
      expect(await rejection(script.converse(target(), 'break', { stream }))).toBeInstanceOf(Error);
    });
  });

  it('streams in pieces and stops when aborted, and the simulator sees the client leave', async () => {
    const controller = new AbortController();
    let pieces = 0;
    const onPiece = (): void => {
      pieces += 1;
      if (pieces === 3) controller.abort();
    };
    const options = { stream: true, signal: controller.signal, onPiece };
    expect(await rejection(script.converse(target(), 'endless', options))).toBeInstanceOf(Error);
    expect(pieces).toBeLessThan(100);
    await expect.poll(() => simulator.requests[0]?.outcome).toBe('left');
  });
});
