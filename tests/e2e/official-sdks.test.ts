import { existsSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSimulator, type Simulator } from '../../src/simulator/simulator.ts';
import { type RecordingProxy, startRecordingProxy } from '../../src/testing/recording-proxy.ts';
import { type SdkScript, statusOf } from '../../src/testing/sdk/sdk-script.ts';
import { SDK_SCENARIO, SDK_SCRIPTS, STORY } from '../../src/testing/sdk-scripts.ts';
import { startVaultProcess, VAULT_MAIN, type VaultProcess } from '../../src/testing/vault-process.ts';

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

/**
 * The same SDKs through a real vault process: the client holds a caller token, the vault puts the provider's key in, and
 * the only party that ever sees that key is the provider.
 */
const HAS_VAULT = existsSync(VAULT_MAIN);
if (!HAS_VAULT) console.log('skipped: there is no vault in this tree');

describe.skipIf(!HAS_VAULT)('through the vault', () => {
  const PROVIDER_KEY = 'sk-canary-3f9a1c7e5b2d4f6081a3c5e7';
  const PRICE = { input: 1, output: 2 };
  let vault: VaultProcess;
  let proxy: RecordingProxy;
  let provider: Simulator;

  beforeAll(async () => {
    provider = await createSimulator({ scenarios: [{ ...SDK_SCENARIO, keys: [PROVIDER_KEY] }] });
    vault = await startVaultProcess();
    proxy = await startRecordingProxy(vault.tcpPort);
    for (const wire of new Set(SDK_SCRIPTS.map((script) => script.wire))) {
      const base = wire === 'google-generate' ? '/v1beta' : '/v1';
      await vault.owner.putProvider(wire, { wire, baseUrl: provider.url + base, prices: { '*': PRICE } });
      await vault.owner.putSecret(`provider.${wire}`, Buffer.from(PROVIDER_KEY));
    }
  });
  beforeEach(() => provider.reset());
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await vault[Symbol.asyncDispose]();
    await provider[Symbol.asyncDispose]();
  });

  let callers = 0;
  /** Each conversation pays from a budget of its own. */
  async function newCaller(script: SdkScript) {
    callers += 1;
    const agent = `sdk-${callers}`;
    const { token } = await vault.owner.createCaller(agent, script.name);
    return { agent, token, target: { root: `${proxy.url}/model/${script.wire}`, apiKey: token, model: 'test-model' } };
  }
  const budgetOf = async (agent: string) => (await vault.owner.listBudgets()).find((view) => view.agent === agent);

  describe.each(SDK_SCRIPTS)('$name', (script) => {
    it.each([
      ['streaming', true],
      ['plain', false],
    ])('%s: runs the tool loop, and the ledger holds the cost of each call', async (_name, stream) => {
      const { agent, token, target: through } = await newCaller(script);
      const answer = await script.converse(through, 'How is the weather in Paris and Oslo?', { stream });
      expect(answer.cities).toEqual(['Paris', 'Oslo']);
      expect(answer.text).toContain('The tool says: sunny in Oslo.');
      expect(provider.requests.map((request) => request.key)).toEqual([PROVIDER_KEY, PROVIDER_KEY]);
      expect(JSON.stringify(provider.requests)).not.toContain(token);
      const usd = (answer.inputTokens * PRICE.input + answer.outputTokens * PRICE.output) / 1_000_000;
      await expect.poll(() => budgetOf(agent)).toMatchObject({ callsToday: 2, reservedUsd: 0 });
      expect((await budgetOf(agent))?.spentTodayUsd).toBeCloseTo(usd, 9);
    });

    it('passes the provider’s 429 and 500 on, and charges nothing for them', async () => {
      const { agent, target: through } = await newCaller(script);
      expect(statusOf(await rejection(script.converse(through, 'rate', { stream: true })))).toBe(429);
      expect(statusOf(await rejection(script.converse(through, 'crash', { stream: false })))).toBe(500);
      await expect.poll(() => budgetOf(agent)).toMatchObject({ spentTodayUsd: 0, reservedUsd: 0 });
    });

    it('carries an abort to the provider and charges what was reserved', async () => {
      const { agent, target: through } = await newCaller(script);
      const controller = new AbortController();
      const onPiece = (): void => controller.abort();
      await rejection(script.converse(through, 'endless', { stream: true, signal: controller.signal, onPiece }));
      await expect.poll(() => provider.requests[0]?.outcome).toBe('left');
      await expect.poll(async () => (await budgetOf(agent))?.spentTodayUsd ?? 0).toBeGreaterThan(0);
    });

    it('refuses a token it does not know in words that the SDK understands', async () => {
      const { target: through } = await newCaller(script);
      const wrong = { ...through, apiKey: `${through.apiKey}x` };
      expect(statusOf(await rejection(script.converse(wrong, 'story', { stream: true })))).toBe(401);
      expect(provider.requests).toHaveLength(0);
    });
  });

  it('shows the provider’s key in no byte that a client saw, and in no log', () => {
    expect(proxy.seen().length).toBeGreaterThan(10_000);
    expect(proxy.seen().includes(PROVIDER_KEY)).toBe(false);
    expect(proxy.seen().includes(Buffer.from(PROVIDER_KEY).toString('base64'))).toBe(false);
    expect(vault.logs()).not.toContain(PROVIDER_KEY);
  });
});
