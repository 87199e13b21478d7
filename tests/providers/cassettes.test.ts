import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.ts';
import type { ModelEvent } from '../../src/host/models/model.ts';
import { createModels, type Models } from '../../src/host/models/models.ts';
import { createVaultClient, type VaultClient } from '../../src/host/vault-client/vault-client.ts';
import { PROVIDER_PRESETS } from '../../src/protocol/provider.ts';
import { type Answer, startUpstream, type Upstream } from '../../src/testing/upstream.ts';
import { createVaultWorld, type VaultWorld } from '../../src/testing/vault-world.ts';
import { CASSETTES, TAPED_PROVIDERS } from './cassettes.ts';

/** Every error class of every provider, played to the vault over HTTP and told to the host: one meaning in both. */
let world: VaultWorld;
let upstream: Upstream;
let client: VaultClient;
let models: Models;
let answer: Answer;

const AWS_KEY = 'AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE';

beforeAll(async () => {
  world = await createVaultWorld();
  upstream = await startUpstream((seen, response) => answer(seen, response));
  client = createVaultClient({ socketPath: world.home.vaultHostSocket, log: silentLogger });
  models = createModels({ vault: client, log: silentLogger });
  const prices = { '*': { input: 1, output: 1 } };
  for (const [id, setting] of Object.entries(TAPED_PROVIDERS)) {
    await world.owner.putProvider(id, { ...setting, baseUrl: `${upstream.url}/${id}/v1`, region: 'us-east-1', prices });
    await world.owner.putSecret(`provider.${id}`, Buffer.from(setting.auth === 'aws' ? AWS_KEY : `key-of-${id}-12345`));
  }
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

let calls = 0;
async function fail(provider: string): Promise<{ error: unknown; callId: string }> {
  calls += 1;
  const callId = `tape${calls}`;
  let last: ModelEvent | undefined;
  const stream = models.stream({
    ...{ model: `${provider}/m`, agentId: 'tester', runId: 'r', callId, system: '', tools: [], thinking: 'off' },
    ...{ transcript: [{ role: 'user', text: 'hi' }], maxOutputTokens: 20, signal: AbortSignal.timeout(10_000) },
  });
  for await (const event of stream) last = event;
  return { error: last?.type === 'failed' ? last.error : last, callId };
}

describe('cassettes', () => {
  it('there are some of every provider that setup knows', () => {
    const known = PROVIDER_PRESETS.map(({ id }) => id).filter((id) => id !== 'openai-compatible');
    expect(known.filter((id) => !CASSETTES.some(({ provider }) => provider === id))).toEqual([]);
  });

  it.each(CASSETTES)('$provider, $name: $code', async ({ provider, status, headers, body, code, retryAfterMs }) => {
    answer = (_seen, response) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    };
    const { error, callId } = await fail(provider);
    expect(error).toMatchObject({ code, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
    expect(JSON.stringify(error)).not.toMatch(/sk-proj-abc|\*\*\*\*1234/);
    // A refusal costs nothing.
    expect(await world.call(callId)).toMatchObject({ state: 'released', costUsd: 0 });
    // The vault's own verdict, which decides how long the key is put aside, agrees where it has one.
    const shown = (await world.owner.status()).keyHealth?.filter((entry) => entry.provider === provider) ?? [];
    const classes: Record<string, string> = {
      'model.auth': 'auth',
      'model.billing': 'billing',
      'model.rate-limited': 'rate-limit',
    };
    if (classes[code] !== undefined) expect(shown.map((entry) => entry.class)).toContain(classes[code]);
    await world.owner.putSecret(
      `provider.${provider}`,
      Buffer.from(provider === 'bedrock' ? AWS_KEY : `key-of-${provider}-12345`),
    );
  });
});
