import { describe, expect, it } from 'vitest';
import type { ScenarioInput } from '../../src/simulator/scenario.ts';
import { createWorld, type World } from '../../src/testing/world.ts';

/** What can go wrong at a provider, through the real vault: the run ends in a named state with a remedy, nothing is lost. */
type Rules = ScenarioInput['rules'];
const worldOf = (rules: Rules, more: Partial<ScenarioInput> = {}): Promise<World> =>
  createWorld({ model: 'simulator/m', scenarios: [{ name: 't', models: ['m'], rules, ...more }] });

async function eventsOf(world: World, type: string): Promise<string[]> {
  const events = await world.host.control.events({ after: 0, limit: 500 });
  return events.flatMap((stored) => (stored.event.type === type ? [JSON.stringify(stored.event)] : []));
}

describe('a provider that misbehaves', { timeout: 90_000 }, () => {
  it('wrong key: named, with the remedy, not retried', async () => {
    await using world = await worldOf([{ answer: { text: 'never' } }], { keys: ['right'] });
    await world.owner.putSecret('provider.simulator', Buffer.from('wrong-key-value-1234'));
    const message = await world.ask('hi');
    expect(message).toMatchObject({ state: 'failed', answer: null, error: { code: 'model.auth' } });
    expect(message.error?.remedy).toContain('holdfast setup');
    expect(JSON.stringify(message) + world.logs.join('')).not.toContain('wrong-key-value-1234');
    expect(world.simulator.requests).toHaveLength(1);
  });

  it('provider down: retried, then named', async () => {
    await using world = await worldOf([]);
    await world.owner.putProvider('simulator', { wire: 'openai-chat', baseUrl: 'http://127.0.0.1:9/v1' });
    const message = await world.ask('hi');
    expect(message).toMatchObject({ state: 'failed', error: { code: 'model.unreachable' } });
    expect(await eventsOf(world, 'model.failed')).toHaveLength(4);
  });

  it.each([
    ['reset in the middle', { text: 'half of it', fault: { type: 'reset', afterBytes: 200 } }],
    ['a stream that ends too early', { text: 'half of it', fault: { type: 'truncate', afterBytes: 200 } }],
    ['an empty answer', { empty: true }],
    ['an overloaded provider', { fault: { type: 'http', status: 503 } }],
    ['a rate limit', { fault: { type: 'http', status: 429, retryAfterSeconds: 0 } }],
  ] as const)('%s: tried again, one answer', async (_name, answer) => {
    await using world = await worldOf([{ times: 1, answer }, { answer: { text: 'whole' } }] as Rules);
    const message = await world.ask('hi');
    expect(message).toMatchObject({ state: 'answered', answer: 'whole' });
    expect(await eventsOf(world, 'model.failed')).toHaveLength(1);
    expect(await eventsOf(world, 'model.finished')).toHaveLength(1);
  });

  it('garbage in the stream: either the answer is whole or it is asked for again', async () => {
    const garbage = { text: 'first answer', fault: { type: 'garbage', afterBytes: 200 } } as const;
    await using world = await worldOf([{ times: 1, answer: garbage }, { answer: { text: 'second answer' } }]);
    const message = await world.ask('hi');
    const failures = await eventsOf(world, 'model.failed');
    expect(message).toMatchObject({
      state: 'answered',
      answer: failures.length === 0 ? 'first answer' : 'second answer',
    });
    expect(await eventsOf(world, 'model.finished')).toHaveLength(1);
  });

  it('only garbage: ends with a named error', async () => {
    await using world = await worldOf([
      { answer: { text: 'x', fault: { type: 'http', status: 500, body: '<html>oops' } } },
    ]);
    const message = await world.ask('hi');
    expect(message.state).toBe('failed');
    expect(message.error?.code).toMatch(/^model\./);
  });

  it.each([
    ['without arguments', { tool: 'list_workers', noArguments: true }, 'ok'],
    ['with broken JSON', { tool: 'spawn_worker', rawArguments: '{"template": "wri' }, 'error'],
  ] as const)('a tool call %s leaves a valid session', async (_name, call, status) => {
    await using world = await worldOf([
      { when: { toolResults: 0 }, answer: { toolCalls: [call] } },
      { answer: { text: 'went on' } },
    ] as unknown as Rules);
    expect(await world.ask('hi')).toMatchObject({ state: 'answered', answer: 'went on' });
    const [finished] = await eventsOf(world, 'effect.finished');
    expect(finished).toContain(`"status":"${status}"`);
    expect(await world.ask('again')).toMatchObject({ state: 'answered' });
  });
});

describe('budgets', { timeout: 60_000 }, () => {
  it('a call over the cap is refused before it is sent, with the remedy, where caps stop', async () => {
    const rules: Rules = [{ answer: { text: 'never' } }];
    const scenarios = [{ name: 't', models: ['m'], rules }];
    await using world = await createWorld({ model: 'simulator/m', scenarios, config: { budgets: { atCap: 'stop' } } });
    await world.owner.putProvider('simulator', {
      wire: 'openai-chat',
      baseUrl: `${world.simulator.url}/v1`,
      prices: { '*': { input: 1_000, output: 1_000 } },
    });
    await world.owner.putBudget('operator', { dailyUsd: 0.01, monthlyUsd: 1 });
    const message = await world.ask('hi');
    expect(message).toMatchObject({ state: 'failed', error: { code: 'budget.exceeded' } });
    expect(world.simulator.requests).toHaveLength(0);
  });

  it('what a run cost is what the ledger says', async () => {
    await using world = await worldOf([{ answer: { text: 'ok', usage: { input: 1_000, output: 500 } } }]);
    await world.owner.putProvider('simulator', {
      wire: 'openai-chat',
      baseUrl: `${world.simulator.url}/v1`,
      prices: { '*': { input: 2, output: 4 } },
    });
    const message = await world.ask('hi');
    const run = await world.host.control.run(message.runId ?? '');
    expect(run.costUsd).toBeCloseTo(0.004, 6);
    const budget = (await world.host.control.budgets()).find((one) => one.agent === 'operator');
    expect(budget?.spentTodayUsd).toBeCloseTo(0.004, 6);
  });
});

describe('a huge tool output', () => {
  it('of 100 MB is kept whole outside the context', { timeout: 180_000 }, async () => {
    await using world = await worldOf([
      {
        when: { tools: ['run_command'], toolResults: 0 },
        answer: {
          toolCalls: [{ tool: 'run_command', arguments: { command: 'head -c 100000000 /dev/zero | tr "\\0" x' } }],
        },
      },
      { when: { tools: ['run_command'] }, answer: { text: 'seen' } },
      {
        when: { toolResults: 0 },
        answer: { toolCalls: [{ tool: 'spawn_worker', arguments: { template: 'code_worker', task: 'print a lot' } }] },
      },
      { answer: { text: 'done' } },
    ]);
    if (!(await world.host.control.status()).sandbox.available) {
      console.log('skipped: a huge tool output needs bubblewrap');
      return;
    }
    const message = await world.ask('go', { timeoutMs: 150_000 });
    expect(message).toMatchObject({ state: 'answered', answer: 'done' });
    const finished = (await eventsOf(world, 'effect.finished')).find((event) => event.includes('"run_command"')) ?? '';
    const { outcome } = JSON.parse(finished) as { outcome: { bytes: number; text: string; blob: string } };
    expect(outcome.bytes).toBe(100_000_000);
    expect(outcome.text.length).toBeLessThan(20_000);
    const asked = world.simulator.requests.at(-2);
    expect(JSON.stringify(asked?.body).length).toBeLessThan(60_000);
  });
});
