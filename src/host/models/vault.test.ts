import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { type Home, homeAt, prepareHome } from '../../base/home.ts';
import { silentLogger } from '../../base/logger.ts';
import { vaultNodeFlags } from '../../base/vault-flags.ts';
import { createVaultOwner } from '../../cli/vault-owner.ts';
import { TEXT_WIRE_FORMATS, type TextWireFormat } from '../../protocol/provider.ts';
import { type TranscriptMessage, toolCalls } from '../../protocol/transcript.ts';
import type { ScenarioInput } from '../../simulator/scenario.ts';
import { createSimulator } from '../../simulator/simulator.ts';
import { createVaultClient } from '../vault-client/vault-client.ts';
import type { ModelEvent, ModelRequest } from './model.ts';
import { createModels } from './models.ts';

/** Host side, real vault process, simulator: the whole way of a model call. */
const ROOT = resolve(import.meta.dirname, '../../..');
const KEY = 'canary-key-that-only-the-vault-knows';
const TOOL = {
  name: 'list_files',
  description: 'Lists files.',
  inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
};
const SCENARIO: ScenarioInput = {
  name: 'test',
  keys: [KEY],
  rules: [
    { when: { user: 'slow' }, answer: { text: 'word '.repeat(2_000), paceMs: 20 } },
    { when: { user: 'busy' }, answer: { fault: { type: 'http', status: 429, retryAfterSeconds: 3 } } },
    {
      when: { step: 1 },
      answer: { reasoning: 'Thinking.', toolCalls: [{ tool: 'list_files', arguments: { path: '/' } }] },
    },
    { when: { step: 2 }, answer: { text: 'One file.' } },
  ],
};

async function startVault(home: Home): Promise<ChildProcess> {
  const args = [...vaultNodeFlags(home, ROOT), join(ROOT, 'src/vault/main.ts'), '--home', home.root];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'ignore'], env: {} });
  child.stdin?.end();
  await new Promise((ready, failed) => {
    if (child.stdout) createInterface({ input: child.stdout }).once('line', ready);
    child.once('exit', (code) => failed(new Error(`the vault ended with ${code}`)));
  });
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((done) => child.once('exit', done));
  child.kill('SIGKILL');
  await gone;
}

async function createWorld() {
  const root = await mkdtemp(join(tmpdir(), 'hf-models-'));
  const home = homeAt(root);
  await prepareHome(home);
  const simulator = await createSimulator({ scenarios: [SCENARIO] });
  let child = await startVault(home);
  const owner = createVaultOwner({ socketPath: home.vaultOwnerSocket });
  const client = createVaultClient({ socketPath: home.vaultHostSocket, log: silentLogger });
  for (const wire of TEXT_WIRE_FORMATS) {
    await owner.putProvider(wire, {
      wire,
      baseUrl: `${simulator.url}/v1`,
      prices: { '*': { input: 1, output: 2 } },
      contextWindows: { '*': 64_000 },
    });
    await owner.putSecret(`provider.${wire}`, Buffer.from(KEY));
  }
  return {
    owner,
    client,
    simulator,
    models: createModels({ vault: client, log: silentLogger }),
    killVault: () => stop(child),
    restartVault: async () => {
      await stop(child);
      child = await startVault(home);
    },
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      await stop(child);
      await simulator[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
}

function requestOf(wire: TextWireFormat, callId: string, transcript: readonly TranscriptMessage[]): ModelRequest {
  return {
    model: `${wire}/model-1`,
    agentId: 'operator',
    runId: 'run_1',
    callId,
    system: 'Be brief.',
    transcript,
    tools: [TOOL],
    maxOutputTokens: 4_000,
    thinking: 'low',
    signal: new AbortController().signal,
  };
}

async function collect(stream: AsyncIterable<ModelEvent>): Promise<ModelEvent | undefined> {
  let last: ModelEvent | undefined;
  for await (const event of stream) last = event;
  return last;
}

describe('models through a real vault process', () => {
  it('in every wire format: tools, reasoning given back, cost from the ledger, context window, no key in the host', async () => {
    await using world = await createWorld();
    for (const wire of TEXT_WIRE_FORMATS) {
      const question: TranscriptMessage = { role: 'user', text: 'what is there?' };
      const first = await collect(world.models.stream(requestOf(wire, `${wire}-1`, [question])));
      if (first?.type !== 'finished') throw new Error(`${wire}: ${JSON.stringify(first)}`);
      expect(first.cost?.estimated).toBe(false);
      expect(first.cost?.usd).toBeGreaterThan(0);
      const results = toolCalls(first.message).map(
        ({ callId, tool }): TranscriptMessage => ({ role: 'tool', callId, tool, text: 'a.txt', isError: false }),
      );
      const transcript = [question, first.message, ...results];
      const second = await collect(world.models.stream(requestOf(wire, `${wire}-2`, transcript)));
      expect(second).toMatchObject({ type: 'finished', stop: 'end', message: { parts: [{ text: 'One file.' }] } });
      expect(await world.models.contextWindow(`${wire}/model-1`)).toBe(64_000);
      expect((await world.client.call(`${wire}-2`)).state).toBe('settled');
    }
    expect(world.simulator.requests.map(({ key }) => key)).toEqual(Array(8).fill(KEY));
    const [budget] = await world.client.budgets('operator');
    expect(budget?.spentTodayUsd).toBeGreaterThan(0);
  });

  it('says what the vault and the provider say: budget, unpriced model, wrong key, rate limit', async () => {
    await using world = await createWorld();
    const wire = 'anthropic-messages';
    const ask = (callId: string, text: string, provider: string = wire) =>
      collect(
        world.models.stream({ ...requestOf(wire, callId, [{ role: 'user', text }]), model: `${provider}/model-1` }),
      );

    expect(await ask('a', 'busy')).toMatchObject({
      error: { code: 'model.rate-limited', retryable: true, retryAfterMs: 3_000 },
    });
    await world.owner.putSecret(`provider.${wire}`, Buffer.from('wrong'));
    expect(await ask('b', 'x')).toMatchObject({
      error: { code: 'model.auth', remedy: expect.stringContaining('setup') },
    });
    await world.owner.putProvider('unpriced', { wire, baseUrl: 'https://models.example/v1' });
    await world.owner.putSecret('provider.unpriced', Buffer.from('k'));
    expect(await ask('c', 'x', 'unpriced')).toMatchObject({ error: { code: 'model.unpriced' } });
    await world.owner.putBudget('operator', { dailyUsd: 0.000001, monthlyUsd: null });
    const refused = await ask('d', 'x');
    expect(refused).toMatchObject({ type: 'failed', error: { code: 'budget.exceeded' } });
    expect(await ask('e', 'x', 'nobody')).toMatchObject({ error: { code: 'model.unknown-provider' } });
  });

  it('kill -9 of the vault in the middle of an answer: a retryable failure, then it goes on', async () => {
    await using world = await createWorld();
    const wire = 'openai-chat';
    const request = requestOf(wire, 'a', [{ role: 'user', text: 'slow' }]);
    const events: ModelEvent[] = [];
    for await (const event of world.models.stream(request)) {
      if (events.push(event) === 3) await world.killVault();
    }
    expect(events.filter(({ type }) => type === 'text').length).toBeGreaterThan(1);
    expect(events.at(-1)).toMatchObject({ type: 'failed', error: { code: 'model.unreachable', retryable: true } });
    const down = await collect(world.models.stream({ ...request, callId: 'b' }));
    expect(down).toMatchObject({ type: 'failed', error: { code: 'vault.unreachable', retryable: true } });

    const waiting = world.client.waitUntilReachable(new AbortController().signal);
    await world.restartVault();
    expect(await waiting).toMatchObject({ locked: false });
    expect((await world.client.call('a')).state).toBe('estimated');
    const after = await collect(world.models.stream(requestOf(wire, 'c', [{ role: 'user', text: 'what is there?' }])));
    expect(after).toMatchObject({ type: 'finished' });
  });

  it('a call that the user stops is charged as estimated, and the provider is let go', async () => {
    await using world = await createWorld();
    const controller = new AbortController();
    const request = requestOf('google-generate', 'a', [{ role: 'user', text: 'slow' }]);
    let last: ModelEvent | undefined;
    for await (const event of world.models.stream({ ...request, signal: controller.signal })) {
      last = event;
      controller.abort();
    }
    expect(last).toEqual({ type: 'aborted' });
    await expect.poll(async () => (await world.client.call('a')).state).toBe('estimated');
    await expect.poll(() => world.simulator.requests[0]?.outcome).toBe('left');
  });
});
