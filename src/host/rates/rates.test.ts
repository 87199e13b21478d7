import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createGateway } from '../../../tests/gateway/gateway.ts';
import { silentLogger } from '../../base/logger.ts';
import { RateLimits } from '../../protocol/rate-limits.ts';
import { createScriptedModel } from '../../testing/scripted-model.ts';
import { createTestCore } from '../../testing/test-core.ts';
import type { AuditEntry } from '../audit/sink.ts';
import type { Tool } from '../tools/tool.ts';
import { createRates, type Rates } from './rates.ts';

function setUp(limits: z.input<typeof RateLimits> = {}): { rates: Rates; rows: AuditEntry[]; clock: { at: number } } {
  const rows: AuditEntry[] = [];
  const clock = { at: 1_000, now: () => clock.at };
  const audit = { record: async (entry: AuditEntry) => void rows.push(entry) };
  return { rates: createRates(RateLimits.parse(limits), { audit, clock, log: silentLogger }), rows, clock };
}

describe('rates', () => {
  it('count each agent and each tool by itself', () => {
    const { rates } = setUp({ tools: { look: 2 } });
    expect([1, 2, 3].map(() => rates.tool('a', 'look') === undefined)).toEqual([true, true, false]);
    expect(rates.tool('b', 'look')).toBeUndefined();
    expect(rates.tool('a', 'other')).toBeUndefined();
  });

  it('take the most specific figure: a name, then the longest glob, then the rest', () => {
    const { rates } = setUp({ tools: { '*': 9, 'wal*': 8, wallet_transfer_all: 1 } });
    const perMinute = (tool: string): number | undefined => {
      for (let i = 0; i < 7_000; i += 1) {
        const limited = rates.tool('a', tool);
        if (limited !== undefined) return limited.perMinute;
      }
      return undefined;
    };
    expect(perMinute('wallet_transfer_all')).toBe(1);
    expect(perMinute('wallet_transfer_some')).toBe(600);
    expect(perMinute('walk')).toBe(8);
    expect(perMinute('toString')).toBe(9);
  });

  it('are audited once in ten seconds, with how many were refused', () => {
    const { rates, rows, clock } = setUp({ tools: { look: 1 } });
    for (let i = 0; i < 5; i += 1) rates.tool('a', 'look');
    clock.at += 10_000;
    rates.tool('a', 'look');
    expect(rows).toMatchObject([
      { actor: 'agent:a', action: 'rate.limited', target: 'tool:look', outcome: 'limited', details: { refused: 1 } },
      { details: { perMinute: 1, refused: 4 } },
    ]);
  });

  it('of routes put all that falls under one rule into one bucket per caller', () => {
    const { rates } = setUp({ endpoints: { 'POST /api/agents/*/messages': 2 } });
    const post = (id: string, agent: string): boolean =>
      rates.endpoint({ id, surface: 'token' }, 'POST', `/api/agents/${agent}/messages`) === undefined;
    expect([post('tok_1', 'a'), post('tok_1', 'b'), post('tok_1', 'c'), post('tok_2', 'a')]).toEqual([
      ...[true, true, false, true],
    ]);
  });
});

describe('a route that is asked too often', () => {
  it('answers 429 with Retry-After and writes an audit row, and goes on later', async () => {
    const { rates, rows, clock } = setUp({ endpoints: { 'GET /api/agents': 2, 'GET /api/events': 1 } });
    await using gateway = await createGateway({ rates });
    const { authorization } = await gateway.token();
    const ask = () => gateway.fetch('/api/agents', { headers: { authorization } });
    expect([(await ask()).status, (await ask()).status]).toEqual([200, 200]);
    const refused = await ask();
    expect(refused.status).toBe(429);
    expect(refused.headers['retry-after']).toBe('30');
    expect(refused.json()).toMatchObject({ code: 'rate-limited', remedy: expect.stringContaining('Wait 30 s') });
    expect(rows).toMatchObject([{ surface: 'token', target: 'route:GET /api/agents' }]);
    expect((await gateway.fetch('/api/agents', { viaSocket: true })).status).toBe(200);
    clock.at += 30_000;
    expect((await ask()).status).toBe(200);
    const upgrade = { headers: { connection: 'upgrade', upgrade: 'websocket', authorization }, viaSocket: false };
    const statuses = [await gateway.fetch('/api/events', upgrade), await gateway.fetch('/api/events', upgrade)];
    expect(statuses.map(({ status }) => status)).toContain(429);
  });

  it('does not count those whom it does not know', async () => {
    const { rates, rows } = setUp({ endpoints: { '* *': 1 } });
    await using gateway = await createGateway({ rates });
    for (let i = 0; i < 3; i += 1) expect((await gateway.fetch('/api/agents')).status).toBe(401);
    expect(rows).toEqual([]);
  });
});

describe('a tool that is used too often', () => {
  it('is a denial that says when to try again, and an audit row', async () => {
    const look: Tool<{ n: number }> = {
      ...{ name: 'look', description: 'Looks.', risk: 'control', idempotent: true, parallel: false },
      input: z.strictObject({ n: z.number() }),
      execute: async () => ({
        ...{ status: 'ok', text: 'seen' },
        label: { integrity: 'system', confidentiality: 'public', origins: [] },
      }),
    };
    const model = createScriptedModel((_request, n) => (n <= 3 ? { calls: [{ tool: 'look', input: { n } }] } : 'done'));
    await using world = await createTestCore({ model, tools: [look], rateLimits: { tools: { look: 2 } } });
    const { core } = world;
    const session = await core.sessions.active({ agentId: 'operator', channel: 'local', chatId: 'owner' });
    const { message } = await core.inbox.receive({
      ...{ channel: 'local', platformMessageId: 'm', session, principal: 'owner', text: 'go' },
    });
    core.lanes.add(session.id, message.run_id);
    await core.manager.settled(message.run_id, AbortSignal.timeout(10_000));
    const outcomes = (await core.journal.read({ runId: message.run_id })).flatMap(({ event }) =>
      event.type === 'effect.finished' ? [event.outcome] : [],
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['ok', 'ok', 'denied']);
    expect(outcomes[2]?.text).toMatch(/look is used more than 2 times a minute\. Try again in \d+ s \(\d{4}-/);
    const rows = await world.store.read({
      sql: "SELECT actor, target FROM audit WHERE action = 'rate.limited'",
      parameters: [],
    });
    expect(rows).toEqual([{ actor: 'agent:operator', target: 'tool:look' }]);
  });
});
