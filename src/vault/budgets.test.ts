import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually, sendEvents, startUpstream, type Upstream } from '../testing/upstream.ts';
import { createVaultWorld, type VaultWorld } from '../testing/vault-world.ts';

const DAY = 86_400_000;
let world: VaultWorld;
let upstream: Upstream;
let now = Date.UTC(2026, 10, 21, 12);

const usage = (input: number, output: number): string[] => [
  'data: {"choices":[{"delta":{"content":"x"}}]}\n\n',
  `data: {"choices":[],"usage":{"prompt_tokens":${input},"completion_tokens":${output}}}\n\n`,
  'data: [DONE]\n\n',
];

beforeEach(async () => {
  now = Date.UTC(2026, 10, 21, 12);
  world = await createVaultWorld({ now: () => now });
  upstream = await startUpstream((_seen, response) => sendEvents(response, usage(10, 100)));
  const prices = { '*': { input: 0, output: 1_000 } };
  await world.owner.putProvider('acme', { wire: 'openai-chat', baseUrl: `${upstream.url}/v1`, prices });
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

/** Worst case 0.1 USD: 100 output tokens at 1000 USD per million. */
const ask = (callId: string, agent = 'tester') =>
  world.model('acme/chat/completions', { model: 'm', stream: true, max_tokens: 100, messages: [] }, { callId, agent });

const view = async (agent = 'tester') => (await world.owner.listBudgets()).find((budget) => budget.agent === agent);

describe('budgets', () => {
  it('hold against a thousand parallel calls', async () => {
    await world.owner.putBudget('tester', { dailyUsd: 5, monthlyUsd: null });
    const answers = await Promise.all(Array.from({ length: 1_000 }, (_, index) => ask(`p${index}`)));
    const passed = answers.filter((answer) => answer.status === 200).length;
    const refused = answers.filter((answer) => answer.error?.code === 'budget.exceeded').length;
    expect([passed, refused]).toEqual([50, 950]);
    expect(upstream.requests.length).toBe(50);
    expect((await view())?.spentTodayUsd).toBeCloseTo(5, 9);
    await world.restart();
    expect((await view())?.spentTodayUsd).toBeCloseTo(5, 9);
  }, 60_000);

  it('give back what was reserved and not used', async () => {
    await world.owner.putBudget('tester', { dailyUsd: 0.15, monthlyUsd: null });
    await upstream[Symbol.asyncDispose]();
    upstream = await startUpstream((_seen, response) => sendEvents(response, usage(10, 10)));
    await world.owner.putProvider('acme', {
      wire: 'openai-chat',
      baseUrl: upstream.url,
      prices: { '*': { input: 0, output: 1_000 } },
    });
    for (let index = 0; index < 6; index += 1) expect((await ask(`s${index}`)).status).toBe(200);
    expect((await ask('s6')).error).toMatchObject({
      code: 'budget.exceeded',
      remedy: expect.stringContaining('holdfast budget tester'),
    });
    expect((await view())?.spentTodayUsd).toBeCloseTo(0.06, 9);
  });

  it('are per agent, with a default, and open again the next day and month', async () => {
    await world.owner.putBudget('*', { dailyUsd: 0.1, monthlyUsd: 0.2 });
    expect((await ask('a1')).status).toBe(200);
    expect((await ask('a2')).status).toBe(402);
    expect((await ask('b1', 'other')).status).toBe(200);
    now += DAY;
    expect((await ask('a3')).status).toBe(200);
    now += DAY;
    const monthly = await ask('a4');
    expect(monthly.error?.message).toContain('monthly');
    now = Date.UTC(2026, 11, 1);
    expect((await ask('a5')).status).toBe(200);
    now = Date.UTC(2026, 10, 30);
    expect((await ask('a6')).status).toBe(402);
  });

  it('a cap of zero refuses all and no cap refuses nothing', async () => {
    await world.owner.putBudget('tester', { dailyUsd: 0, monthlyUsd: null });
    expect((await ask('z1')).status).toBe(402);
    await world.owner.putBudget('tester', { dailyUsd: null, monthlyUsd: null });
    expect((await ask('z2')).status).toBe(200);
  });

  it('refuse a call id that was used before, alone and in a crowd', async () => {
    await world.owner.putBudget('tester', { dailyUsd: null, monthlyUsd: null });
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask('same')));
    expect(answers.filter((answer) => answer.status === 200).length).toBe(1);
    expect(answers.filter((answer) => answer.error?.code === 'conflict').length).toBe(19);
    expect(await view()).toMatchObject({ callsToday: 1, reservedUsd: 0 });
    expect((await view())?.spentTodayUsd).toBeCloseTo(0.1, 9);
  });

  it('count a call for the day it was reserved on', async () => {
    let release: (() => void) | undefined;
    await upstream[Symbol.asyncDispose]();
    upstream = await startUpstream((_seen, response) => {
      release = () => sendEvents(response, usage(10, 50));
    });
    await world.owner.putProvider('acme', {
      wire: 'openai-chat',
      baseUrl: upstream.url,
      prices: { '*': { input: 0, output: 1_000 } },
    });
    const call = ask('n1');
    const end = await eventually(() => release);
    expect((await view())?.reservedUsd).toBeCloseTo(0.1, 9);
    now += DAY;
    end();
    await call;
    const after = await view();
    expect(after).toMatchObject({ spentTodayUsd: 0, reservedUsd: 0 });
    expect(after?.spentThisMonthUsd).toBeCloseTo(0.05, 9);
  });
});
