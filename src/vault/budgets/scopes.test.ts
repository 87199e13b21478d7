import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BudgetWarnings, type DimensionView, RoomAnswer, WallTimeAnswer } from '../../protocol/budget.ts';
import { CALL_HEADERS } from '../../protocol/vault-api.ts';
import { eventually, type SeenRequest, sendEvents, startUpstream, type Upstream } from '../../testing/upstream.ts';
import { createVaultWorld, type HostAnswer, type VaultWorld } from '../../testing/vault-world.ts';

/** Caps of every scope and dimension, at the vault's own doors. A call reserves 100 output tokens: 0.1 USD. */
let world: VaultWorld;
let upstream: Upstream;
let now: number;
let output = 100;
let hold: Promise<void> | undefined;

beforeEach(async () => {
  now = Date.UTC(2026, 10, 21, 12);
  output = 100;
  hold = undefined;
  world = await createVaultWorld({ now: () => now });
  upstream = await startUpstream(async (seen, response) => {
    await hold;
    const mode = modeOf(seen);
    const usage = `data: {"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":${output}}}\n\n`;
    if (mode === 'abort') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"choices":[{"delta":{"content":"x"}}]}\n\n');
      response.socket?.destroy();
    } else if (mode === 'unmetered') sendEvents(response, ['data: {"choices":[]}\n\n', 'data: [DONE]\n\n']);
    else sendEvents(response, ['data: {"choices":[{"delta":{"content":"x"}}]}\n\n', usage, 'data: [DONE]\n\n']);
  });
  const prices = { '*': { input: 0, output: 1_000 } };
  await world.owner.putProvider('acme', { wire: 'openai-chat', baseUrl: `${upstream.url}/v1`, prices });
  await world.owner.putBudget('*', { dailyUsd: null, monthlyUsd: null });
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const modeOf = ({ body }: SeenRequest): string => /"user":"(\w+)"/.exec(body)?.[1] ?? 'metered';

interface Who {
  readonly agent?: string;
  readonly run?: string;
  readonly task?: string;
  readonly mode?: 'metered' | 'unmetered' | 'abort';
}

let calls = 0;
const ask = ({ agent = 'a1', run, task, mode = 'metered' }: Who): Promise<HostAnswer> => {
  calls += 1;
  const headers = {
    ...(run === undefined ? {} : { [CALL_HEADERS.run]: run }),
    ...(task === undefined ? {} : { [CALL_HEADERS.task]: task }),
  };
  const body = { model: 'm', stream: true, max_tokens: 100, messages: [], user: mode };
  // A stream that the provider breaks ends as an error of the wire format, or as a broken answer of ours.
  return world.model('acme/chat/completions', body, { callId: `k${calls}`, agent, headers });
};

const cap = (
  scope: string,
  dimension: DimensionView['dimension'],
  window: 'day' | 'month' | 'total',
  amount: number | null,
) => {
  const [kind, id = 'org'] = scope.split(':');
  const known = (['org', 'team', 'agent', 'run', 'task'] as const).find((one) => one === kind) ?? 'org';
  return world.owner.putLimit({ kind: known, id, dimension, window, cap: amount });
};

const used = async (scope: string, dimension: DimensionView['dimension']): Promise<DimensionView | undefined> => {
  const [kind, id = 'org'] = scope.split(':');
  const { scopes } = await world.owner.spending();
  const found = scopes.find((one) => one.kind === kind && one.id === id);
  return found?.dimensions.find((one) => one.dimension === dimension);
};

const post = async <T>(path: string, body: object, schema: { parse(value: unknown): T }): Promise<T> => {
  const headers = { 'content-type': 'application/json' };
  const answer = await world.host(path, { method: 'POST', headers, body: JSON.stringify(body) });
  return schema.parse(JSON.parse(answer.text));
};

const warnings = async (after = 0) =>
  BudgetWarnings.parse(JSON.parse((await world.host(`/budget-warnings?after=${after}`)).text)).warnings;

describe('caps of every scope', () => {
  it.each([
    ['org', { agent: 'a1' }, { agent: 'a2' }],
    ['team:red', { agent: 'a1' }, { agent: 'a2' }],
    ['agent:a1', { agent: 'a1', run: 'r1' }, { agent: 'a1', run: 'r2' }],
    ['run:r1', { agent: 'a1', run: 'r1' }, { agent: 'a2', run: 'r1' }],
    ['task:t1', { agent: 'a1', run: 'r1', task: 't1' }, { agent: 'a2', run: 'r2', task: 't1' }],
  ])('hold for %s, whoever of it calls', async (scope, first, second) => {
    for (const agent of ['a1', 'a2']) await world.owner.putAgentTeam(agent, 'red');
    await cap(scope, 'usd', 'total', 0.2);
    expect((await ask(first)).status).toBe(200);
    expect((await ask(second)).status).toBe(200);
    const refused = await ask(first);
    expect(refused).toMatchObject({ status: 402, error: { code: 'budget.exceeded' } });
    expect(refused.error?.remedy).toContain(`holdfast budget ${scope.replace('agent:', '')} --total`);
    await world.restart();
    expect((await ask(second)).status).toBe(402);
    await cap(scope, 'usd', 'total', 0.3);
    expect((await ask(second)).status).toBe(200);
    expect(await used(scope, 'usd')).toMatchObject({ total: expect.closeTo(0.3, 9), reserved: 0 });
  });

  it.each([
    ['tokens', 'day', 450],
    ['calls', 'month', 3],
    ['usd', 'day', 0.3],
  ] as const)('of %s', async (dimension, window, amount) => {
    await cap('org', dimension, window, amount);
    const statuses: number[] = [];
    for (let index = 0; index < 5; index += 1) statuses.push((await ask({})).status);
    // A call reserves some 220 tokens and uses 110.
    expect(statuses.filter((status) => status === 200).length).toBe(3);
    now += 40 * 86_400_000;
    expect((await ask({})).status).toBe(200);
  });

  it('a row of its own beats the default, also one that says there is none', async () => {
    await cap('run:*', 'calls', 'total', 1);
    await cap('run:r2', 'calls', 'total', 2);
    await cap('run:r3', 'calls', 'total', null);
    const through = async (run: string): Promise<number> => {
      const all = [await ask({ run }), await ask({ run }), await ask({ run })];
      return all.filter(({ status }) => status === 200).length;
    };
    expect([await through('r1'), await through('r2'), await through('r3')]).toEqual([1, 2, 3]);
    await world.owner.removeLimit({ kind: 'run', id: 'r3', dimension: 'calls', window: 'total' });
    expect((await ask({ run: 'r3' })).status).toBe(402);
  });

  it('a host can neither change them nor pick a roomier scope', async () => {
    await world.owner.putAgentTeam('a1', 'red');
    await cap('team:red', 'calls', 'total', 1);
    await cap('task:t1', 'calls', 'total', 1);
    expect((await ask({ agent: 'a1', run: 'r1', task: 't1' })).status).toBe(200);
    // Another task, or none, for a run that named one: the first one pays.
    expect((await ask({ agent: 'b', run: 'r1', task: 'other' })).error?.message).toContain('task t1');
    expect((await ask({ agent: 'b', run: 'r1' })).error?.message).toContain('task t1');
    await world.restart();
    expect((await ask({ agent: 'b', run: 'r1' })).error?.message).toContain('task t1');
    expect((await ask({ agent: 'a1', run: 'r2' })).error?.message).toContain('team red');
    for (const [method, path] of [
      ['PUT', '/limits'],
      ['DELETE', '/limits'],
      ['PUT', '/agent-teams/a1'],
      ['PUT', '/budgets/a1'],
    ] as const)
      expect((await world.host(path, { method })).status).toBe(403);
    const odd = await world.model('acme/chat/completions', {}, { headers: { [CALL_HEADERS.run]: 'x'.repeat(300) } });
    expect(odd.error?.message).toContain(CALL_HEADERS.run);
  });

  it('refuses caps that make no sense', async () => {
    for (const bad of [
      { kind: 'org', id: 'mine', dimension: 'usd', window: 'day', cap: 1 },
      { kind: 'org', id: 'org', dimension: 'usd', window: 'day', cap: -1 },
      { kind: 'org', id: 'org', dimension: 'usd', window: 'day', cap: 'NaN' },
      { kind: 'agent', id: 'a b', dimension: 'usd', window: 'day', cap: 1 },
      { kind: 'agent', id: 'a', dimension: 'gold', window: 'day', cap: 1 },
    ])
      await expect(Reflect.apply(world.owner.putLimit, world.owner, [bad])).rejects.toMatchObject({
        code: 'bad-request',
      });
  });
});

describe('a thousand parallel calls', () => {
  it('pass no cap of any scope and dimension, aborted and unmetered ones included', async () => {
    const agents = ['a1', 'a2', 'a3', 'a4'];
    for (const agent of agents) await world.owner.putAgentTeam(agent, agent < 'a3' ? 'red' : 'blue');
    const caps = [
      ['org', 'usd', 30],
      ['team:red', 'usd', 11],
      ['team:blue', 'calls', 180],
      ['agent:a1', 'tokens', 9_000],
      ['agent:a4', 'usd', 7.05],
      ['run:r1', 'usd', 3],
      ['run:r2', 'calls', 17],
      ['task:t1', 'tokens', 4_000],
    ] as const;
    for (const [scope, dimension, amount] of caps) await cap(scope, dimension, 'total', amount);
    const modes = ['metered', 'unmetered', 'abort'] as const;
    const answers = await Promise.allSettled(
      Array.from({ length: 1_000 }, (_, index) => {
        const run = `r${index % 7}`;
        const task = index % 7 === 1 || index % 7 === 3 ? { task: 't1' } : {};
        return ask({ agent: agents[index % 4] ?? 'a1', run, ...task, mode: modes[index % 3] ?? 'metered' });
      }),
    );
    const through = answers.filter((one) => one.status === 'rejected' || one.value.status !== 402).length;
    expect(through).toBeGreaterThan(100);
    expect(through).toBe(upstream.requests.length);
    for (const [scope, dimension, amount] of caps) {
      const view = await used(scope, dimension);
      expect([scope, view?.reserved]).toEqual([scope, 0]);
      expect(view?.total).toBeLessThanOrEqual(amount);
      expect(view?.total).toBeGreaterThan(amount / 3);
    }
    const before = await world.owner.spending();
    await world.restart();
    const after = await world.owner.spending();
    const totals = ({ scopes }: typeof before) =>
      scopes
        .filter(({ kind }) => kind === 'org' || kind === 'team' || kind === 'agent')
        .map(({ id, dimensions }) => [id, dimensions.map(({ dimension, total }) => [dimension, total])])
        .sort();
    expect(totals(after)).toEqual(totals(before));
  }, 60_000);
});

describe('warnings', () => {
  it('come at 50, 80 and 100 percent, each once, and stay after a restart', async () => {
    await cap('agent:a1', 'usd', 'day', 1);
    const percents: number[][] = [];
    for (let index = 0; index < 12; index += 1) {
      await ask({ run: `r${index}` });
      percents.push((await warnings()).map(({ percent }) => percent));
      if (index === 6) await world.restart();
    }
    expect(percents[3]).toEqual([]);
    expect(percents[4]).toEqual([50]);
    expect(percents[7]).toEqual([50, 80]);
    expect(percents[11]).toEqual([50, 80, 100]);
    const [first, second] = await warnings();
    expect(first).toMatchObject({ kind: 'agent', id: 'a1', agent: 'a1', run: 'r4', cap: 1, percent: 50 });
    expect(await warnings(second?.seq)).toHaveLength(1);
    now += 86_400_000;
    for (let index = 0; index < 5; index += 1) await ask({});
    expect((await warnings()).map(({ percent }) => percent)).toEqual([50, 80, 100, 50]);
  });

  it('count what was used, not what is reserved, and say 100 when a call is refused', async () => {
    await cap('org', 'usd', 'total', 0.25);
    output = 1;
    for (let index = 0; index < 20; index += 1) await ask({});
    expect(await warnings()).toEqual([]);
    output = 100;
    await ask({});
    expect((await warnings()).map(({ percent }) => percent)).toEqual([]);
    await ask({});
    expect((await warnings()).map(({ percent }) => percent)).toEqual([80]);
    expect((await ask({})).status).toBe(402);
    expect((await warnings()).map(({ percent, kind }) => [kind, percent])).toEqual([
      ['org', 80],
      ['org', 100],
    ]);
  });
});

describe('room at a cap', () => {
  const room = (usd: number, waitMs: number, agent = 'a1') =>
    post('/budget-room', { agent, run: 'r1', needs: { usd }, waitMs }, RoomAnswer);

  it('is told at once, with the cap that refuses', async () => {
    await cap('run:r1', 'usd', 'total', 0.05);
    expect(await room(0.01, 0)).toEqual({ fits: true });
    expect(await room(0.1, 0)).toMatchObject({
      fits: false,
      refusal: { code: 'budget.exceeded', details: { kind: 'run', id: 'r1', cap: 0.05, needed: 0.1, resetsAt: null } },
    });
  });

  it('is told when the owner raises the cap', async () => {
    await cap('agent:a1', 'usd', 'day', 0.05);
    const waiting = room(0.1, 30_000);
    const other = room(0.1, 200);
    await other;
    await cap('agent:a1', 'usd', 'day', 0.5);
    expect(await waiting).toEqual({ fits: true });
    expect(await other).toMatchObject({ fits: false });
  });

  it('is told when the day ends, and when calls under way give back what they hold', async () => {
    await cap('agent:a1', 'usd', 'day', 0.1);
    expect((await ask({})).status).toBe(200);
    const waiting = room(0.1, 30_000);
    now += 86_400_000;
    expect(await waiting).toEqual({ fits: true });
    const gate = Promise.withResolvers<void>();
    hold = gate.promise;
    output = 10;
    const slow = ask({});
    await eventually(async () => ((await used('agent:a1', 'usd'))?.reserved ? true : undefined));
    const answer = await room(0.08, 0);
    expect(answer.refusal?.details).toMatchObject({ temporary: true, resetsAt: Date.UTC(2026, 10, 23) });
    const next = room(0.08, 30_000);
    gate.resolve();
    await slow;
    expect(await next).toEqual({ fits: true });
  });
});

describe('running time', () => {
  const time = (addMs: number, id: string, run = 'r1') =>
    post('/wall-time', { agent: 'a1', run, addMs, id }, WallTimeAnswer);

  it('can only be added to, counts once per id, and stops at the cap', async () => {
    await cap('run:r1', 'wallMs', 'total', 5_000);
    expect(await time(3_000, 's1')).toEqual({ granted: true });
    expect(await time(3_000, 's1')).toEqual({ granted: true });
    expect(await used('run:r1', 'wallMs')).toMatchObject({ total: 3_000 });
    expect(await time(3_000, 's2')).toMatchObject({
      granted: false,
      refusal: { details: { dimension: 'wallMs', needed: 3_000, spent: 3_000 } },
    });
    expect(await time(2_000, 's3')).toEqual({ granted: true });
    await world.restart();
    expect(await used('run:r1', 'wallMs')).toMatchObject({ total: 5_000 });
    for (const addMs of [0, -5, 1.5, Number.NaN, 1e12]) {
      const body = JSON.stringify({ agent: 'a1', run: 'r1', addMs, id: 'x' });
      expect((await world.host('/wall-time', { method: 'POST', body })).status).toBe(400);
    }
    expect(await used('org', 'wallMs')).toMatchObject({ total: 5_000 });
  });
});
