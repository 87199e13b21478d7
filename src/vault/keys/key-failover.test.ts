import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ModelHealth } from '../../protocol/key-health.ts';
import { type Answer, sendEvents, sendJsonAnswer, startUpstream, type Upstream } from '../../testing/upstream.ts';
import { createVaultWorld, type VaultWorld } from '../../testing/vault-world.ts';

/** Several keys of one provider: which is used, which is put aside and for how long. */
const MINUTE = 60_000;
const HOUR = 3_600_000;
let world: VaultWorld;
let upstream: Upstream;
let now: number;
/** What each key is answered with; absent: an answer. */
let faults: Record<string, Answer>;

beforeEach(async () => {
  now = Date.UTC(2026, 10, 21, 12);
  faults = {};
  world = await createVaultWorld({ now: () => now, timeouts: { connectMs: 500, firstByteMs: 500, idleMs: 500 } });
  upstream = await startUpstream((seen, response) => {
    const fault = faults[String(seen.headers.authorization)];
    if (fault) return fault(seen, response);
    const usage = { prompt_tokens: 10, completion_tokens: 5 };
    const events = [{ choices: [{ delta: { content: 'x' } }] }, { choices: [], usage }];
    return sendEvents(response, [...events.map((event) => `data: ${JSON.stringify(event)}\n\n`), 'data: [DONE]\n\n']);
  });
  const prices = { '*': { input: 1, output: 1 } };
  await world.owner.putProvider('acme', { wire: 'openai-chat', baseUrl: `${upstream.url}/v1`, prices });
  for (const [name, key] of [
    ['provider.acme', 'key-number-one'],
    ['provider.acme.2', 'key-number-two'],
    ['provider.acme.3', 'key-number-three'],
  ] as const)
    await world.owner.putSecret(name, Buffer.from(key));
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const [ONE, TWO, THREE] = ['Bearer key-number-one', 'Bearer key-number-two', 'Bearer key-number-three'] as const;
let calls = 0;
const ask = (model = 'm') => {
  calls += 1;
  const body = { model, stream: true, max_tokens: 10, messages: [] };
  return world.model('acme/chat/completions', body, { callId: `f${calls}` });
};
const used = (): string[] => upstream.requests.map(({ headers }) => String(headers.authorization));
const refuse =
  (status: number, error: object = {}, headers: Record<string, string> = {}): Answer =>
  (_seen, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    sendJsonAnswer(response, status, { error: { message: 'no', ...error } });
  };
const health = async (...models: string[]) => {
  const query = models.map((model) => `model=${encodeURIComponent(model)}`).join('&');
  return ModelHealth.parse(JSON.parse((await world.host(`/model-health?${query}`)).text));
};

describe('keys of one provider', () => {
  it('the first one is used while it is well', async () => {
    await ask();
    await ask();
    expect(used()).toEqual([ONE, ONE]);
  });

  it.each([
    ['billing', 402, {}, HOUR],
    ['billing', 429, { message: 'You exceeded your current quota', code: 'insufficient_quota' }, HOUR],
    ['auth', 401, {}, HOUR],
    ['rate-limit', 429, { message: 'Rate limit reached' }, MINUTE],
  ] as const)(
    '%s (HTTP %i): the same call goes on with the next key, the first is put aside',
    async (kind, status, error, wait) => {
      faults[ONE] = refuse(status, error);
      const got = await ask();
      expect(got.status).toBe(200);
      expect(used()).toEqual([ONE, TWO]);
      expect(await world.call(`f${calls}`)).toMatchObject({ state: 'settled', key: 'provider.acme.2', costUsd: 15e-6 });
      expect((await health()).keys).toEqual([
        expect.objectContaining({ key: 'provider.acme', class: kind, until: now + wait, provider: 'acme' }),
      ]);
      await ask();
      expect(used().slice(2)).toEqual([TWO]);
      now += wait;
      faults = {};
      await ask();
      expect(used().slice(3)).toEqual([ONE]);
      expect((await health()).keys).toEqual([]);
    },
  );

  it('when all are refused, the call says so and costs nothing', async () => {
    for (const key of [ONE, TWO, THREE]) faults[key] = refuse(401);
    const got = await ask();
    expect(got).toMatchObject({ status: 401, error: { code: 'model.auth' } });
    expect(used()).toEqual([ONE, TWO, THREE]);
    expect(await world.call(`f${calls}`)).toMatchObject({ state: 'released', costUsd: 0 });
    // Nothing is forbidden: the one that is due first is tried again.
    now += MINUTE;
    faults = {};
    expect((await ask()).status).toBe(200);
    expect(used().slice(3)).toEqual([ONE]);
  });

  it('a service that fails is not asked again with another key; it is put aside for 60, 300, 1500 seconds', async () => {
    for (const key of [ONE, TWO, THREE]) faults[key] = refuse(503);
    const waits: number[] = [];
    for (let strike = 0; strike < 4; strike += 1) {
      expect((await ask()).status).toBe(503);
      now += 1;
      const { keys } = await health();
      waits.push((keys.find(({ key }) => key === 'provider.acme')?.until ?? 0) - now + 1);
      now += 100 * HOUR;
    }
    expect(waits).toEqual([60_000, 300_000, 1_500_000, 1_500_000]);
    expect(used()).toEqual([ONE, ONE, ONE, ONE]);
    faults = {};
    expect((await ask()).status).toBe(200);
    faults[ONE] = refuse(500);
    await ask();
    expect((await health()).keys).toEqual([expect.objectContaining({ until: now + MINUTE, class: 'transient' })]);
  });

  it('calls that fail side by side are one strike', async () => {
    await Promise.all(
      [TWO, THREE].map((key) => world.owner.deleteSecret(key === TWO ? 'provider.acme.2' : 'provider.acme.3')),
    );
    faults[ONE] = refuse(500);
    await Promise.all(Array.from({ length: 20 }, () => ask()));
    expect((await health()).keys).toEqual([expect.objectContaining({ until: now + MINUTE })]);
  });

  it.each([
    [429, '7', 7_000],
    [503, '900', 900_000],
    [429, new Date(Date.UTC(2030, 0, 1)).toUTCString(), 86_400_000],
  ])('obeys retry-after of HTTP %i', async (status, header, wait) => {
    faults[ONE] = refuse(status, {}, { 'retry-after': header });
    await ask();
    const [entry] = (await health()).keys;
    expect((entry?.until ?? 0) - now).toBeLessThanOrEqual(wait);
    expect((entry?.until ?? 0) - now).toBeGreaterThan(wait * 0.9);
  });

  it('an empty stream, a broken one and silence are failures; a bad request and a long prompt are none', async () => {
    const cases: [Answer, boolean][] = [
      [(_seen, response) => sendEvents(response, []), true],
      [
        (_seen, response) => {
          response.writeHead(200, { 'content-type': 'text/event-stream' });
          response.write('data: {"choices":[]}\n\n');
          setTimeout(() => response.destroy(), 20);
        },
        true,
      ],
      [(_seen, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders(), true],
      [refuse(400, { message: 'bad field' }), false],
      [refuse(400, { message: 'maximum context length is 10' }), false],
      [refuse(404, { message: 'no such model' }), false],
    ];
    for (const [index, [fault, counts]] of cases.entries()) {
      faults[ONE] = fault;
      await ask(`model-${index}`);
      expect([index, (await health()).keys.some(({ model }) => model === `model-${index}`)]).toEqual([index, counts]);
    }
  });

  it('a failure of one model leaves the others of the key alone', async () => {
    faults[ONE] = (seen, response) =>
      seen.body.includes('"sick"') ? refuse(503)(seen, response) : sendEvents(response, ['data: {"choices":[]}\n\n']);
    await ask('sick');
    await ask('sick');
    await ask('well');
    expect(used()).toEqual([ONE, TWO, ONE]);
  });

  it('what lasts outlives a restart, what passes does not, and a new key is a new beginning', async () => {
    faults[ONE] = refuse(402);
    faults[TWO] = refuse(503);
    await ask();
    expect((await health()).keys.map(({ class: kind }) => kind).sort()).toEqual(['billing', 'transient']);
    await world.restart();
    expect((await health()).keys.map(({ class: kind }) => kind)).toEqual(['billing']);
    expect((await world.owner.status()).keyHealth).toEqual([expect.objectContaining({ key: 'provider.acme' })]);
    await world.owner.putSecret('provider.acme', Buffer.from('key-number-one-anew'));
    expect((await health()).keys).toEqual([]);
  });

  it('says for each model when it may be tried', async () => {
    for (const key of [ONE, TWO, THREE]) faults[key] = refuse(401);
    await world.owner.putProvider('local', { wire: 'openai-chat', baseUrl: 'http://127.0.0.1:9/v1' });
    await world.owner.putProvider('openai', { wire: 'openai-chat', baseUrl: 'http://127.0.0.1:9/v1' });
    await ask();
    await world.model('local/chat/completions', { model: 'x', messages: [] });
    expect((await health('acme/m', 'local/x', 'local/y', 'openai/m', 'nowhere/m')).models).toEqual([
      { model: 'acme/m', readyAt: now + HOUR },
      { model: 'local/x', readyAt: now + MINUTE },
      { model: 'local/y', readyAt: 0 },
      { model: 'openai/m', readyAt: null },
      { model: 'nowhere/m', readyAt: null },
    ]);
  });
});
