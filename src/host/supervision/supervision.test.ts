import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Clock, systemClock } from '../../base/clock.ts';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import { createScriptedModel } from '../../testing/scripted-model.ts';
import { createTestCore, type TestCore } from '../../testing/test-core.ts';
import type { Tool } from '../tools/tool.ts';

const chat = { agentId: 'operator', channel: 'local', chatId: 'owner' };

/** Real time, moved ahead by hand. */
function movableClock(): Clock & { move(ms: number): void } {
  let ahead = 0;
  return {
    now: () => Date.now() + ahead,
    sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 50), signal),
    move: (ms) => {
      ahead += ms;
    },
  };
}

async function say(world: TestCore, text: string) {
  const session = await world.core.sessions.active(chat);
  const { message } = await world.core.inbox.receive({
    channel: 'local',
    platformMessageId: undefined,
    session,
    principal: 'owner',
    text,
  });
  world.core.lanes.add(session.id, message.run_id);
  return message;
}

/** Hangs the first time, whatever its signal says. */
function hangingTool(times: number): Tool<object> & { calls: number } {
  return {
    calls: 0,
    name: 'hang',
    description: 'Hangs.',
    input: z.strictObject({}),
    risk: 'control',
    idempotent: true,
    parallel: false,
    waits: false,
    async execute() {
      this.calls += 1;
      if (this.calls <= times) await new Promise(() => {});
      return { status: 'ok', text: 'done at last', label: SYSTEM_LABEL };
    },
  };
}

const events = async (world: TestCore, runId: string) =>
  (await world.core.journal.read({ runId })).map((stored) => stored.event);

describe('a run that hangs', () => {
  it('is started again from its journal, and what hung can write nothing', async () => {
    const clock = movableClock();
    const tool = hangingTool(1);
    const model = createScriptedModel((request) =>
      request.transcript.at(-1)?.role === 'tool' ? 'ready' : { calls: [{ tool: 'hang', input: {} }] },
    );
    await using world = await createTestCore({ model, tools: [tool], clock });
    const message = await say(world, 'go');
    await expect.poll(() => tool.calls).toBe(1);
    await world.core.supervision.look();
    expect(tool.calls).toBe(1);
    clock.move(700_000);
    expect(await world.core.supervision.overdue()).toMatchObject([{ runId: message.run_id, owner: 'host' }]);
    await world.core.supervision.look();
    await world.core.manager.settled(message.run_id, AbortSignal.timeout(20_000));
    expect(await world.core.inbox.get(message.id)).toMatchObject({ state: 'answered', answer: 'ready' });
    const resumed = (await events(world, message.run_id)).filter((event) => event.type === 'run.resumed');
    expect(resumed).toMatchObject([{ epoch: 2, cause: 'No progress for 600 s.' }]);
  });

  it('ends with a named cause when it hangs at the same step again and again', async () => {
    const clock = movableClock();
    const tool = hangingTool(99);
    const model = createScriptedModel(() => ({ calls: [{ tool: 'hang', input: {} }] }));
    await using world = await createTestCore({ model, tools: [tool], clock });
    const message = await say(world, 'go');
    for (let hangs = 1; hangs <= 4; hangs += 1) {
      await expect.poll(() => tool.calls).toBe(hangs);
      clock.move(700_000);
      await world.core.supervision.look();
    }
    await expect.poll(async () => (await world.core.inbox.get(message.id)).state, { timeout: 10_000 }).toBe('failed');
    expect((await world.core.inbox.get(message.id)).error).toContain('run.interrupted');
  });

  it('leaves alone a run whose model still speaks', async () => {
    const clock = movableClock();
    const said = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const model = createScriptedModel(async () => {
      asked.resolve();
      await said.promise;
      return 'ready';
    });
    await using world = await createTestCore({ model, clock });
    const message = await say(world, 'go');
    await asked.promise;
    clock.move(590_000);
    const draft = { type: 'draft.text', runId: message.run_id, step: 1, attempt: 1, text: 'a', offset: 0 } as const;
    world.core.journal.live(draft);
    clock.move(590_000);
    expect(await world.core.supervision.overdue()).toEqual([]);
    said.resolve();
    await world.core.manager.settled(message.run_id, AbortSignal.timeout(10_000));
  });
});

describe('a run that waits too long', () => {
  it('is told in its journal once, and listed until it goes on', async () => {
    const clock = movableClock();
    const model = createScriptedModel((_request, n) =>
      n === 1 ? { fail: { code: 'vault.unreachable', message: 'The vault does not answer.' } } : 'ready',
    );
    const back = Promise.withResolvers<void>();
    await using world = await createTestCore({ model, clock, vaultReachable: () => back.promise });
    const message = await say(world, 'go');
    await expect.poll(async () => (await world.core.runs.get(message.run_id)).state).toBe('waiting');
    clock.move(301_000);
    await world.core.supervision.look();
    await world.core.supervision.look();
    const late = (await events(world, message.run_id)).filter((event) => event.type === 'run.overdue');
    expect(late).toMatchObject([{ owner: 'vault', detail: 'The vault does not answer.' }]);
    expect(await world.core.supervision.overdue()).toHaveLength(1);
    back.resolve();
    await world.core.manager.settled(message.run_id, AbortSignal.timeout(10_000));
    expect(await world.core.supervision.overdue()).toEqual([]);
  });
});
