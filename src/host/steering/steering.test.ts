import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import type { LaneMode } from '../../protocol/lane-mode.ts';
import { createScriptedModel } from '../../testing/scripted-model.ts';
import { createTestCore, type TestCore } from '../../testing/test-core.ts';
import type { Tool } from '../tools/tool.ts';

const chat = { agentId: 'operator', channel: 'local', chatId: 'owner' };

async function say(world: TestCore, text: string, mode?: LaneMode) {
  const session = await world.core.sessions.active(chat);
  const { message } = await world.core.inbox.receive({
    channel: 'local',
    platformMessageId: undefined,
    session,
    principal: 'owner',
    text,
    mode,
  });
  if (message.run_id !== '' && message.mode === 'queue') world.core.lanes.add(session.id, message.run_id);
  return message;
}

const settle = (world: TestCore, runId: string) => world.core.manager.settled(runId, AbortSignal.timeout(20_000));

/** A tool that says when it is under way and ends when it is told to. */
function gateTool(): Tool<object> & { entered: Promise<void>; open(): void } {
  const entered = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  return {
    entered: entered.promise,
    open: () => opened.resolve(),
    name: 'wait_here',
    description: 'Waits.',
    input: z.strictObject({}),
    risk: 'control',
    idempotent: false,
    parallel: false,
    async execute() {
      entered.resolve();
      await opened.promise;
      return { status: 'ok', text: 'waited', label: SYSTEM_LABEL };
    },
  };
}

/** Calls the tool once, then answers with everything the user has said. */
const toolThenEcho = () =>
  createScriptedModel((request, n) =>
    n === 1
      ? { calls: [{ tool: 'wait_here', input: {} }] }
      : request.transcript.flatMap((entry) => (entry.role === 'user' ? [entry.text] : [])).join(' | '),
  );

describe('a message while the agent works', () => {
  it('steers the run between two steps and gets its answer', async () => {
    const tool = gateTool();
    await using world = await createTestCore({ model: toolThenEcho(), tools: [tool] });
    const first = await say(world, 'count to three');
    await tool.entered;
    const second = await say(world, 'in French', 'steer');
    expect(second).toMatchObject({ run_id: first.run_id, mode: 'steer', merged_into: first.id });
    tool.open();
    await settle(world, first.run_id);
    const answer = 'count to three | in French';
    expect(await world.core.inbox.get(first.id)).toMatchObject({ state: 'answered', answer });
    expect(await world.core.inbox.get(second.id)).toMatchObject({ state: 'answered', answer });
  });

  it('is an ordinary message when nothing is under way', async () => {
    await using world = await createTestCore({ model: createScriptedModel(() => 'Hello.') });
    const message = await say(world, 'hi', 'steer');
    expect(message).toMatchObject({ mode: 'queue', merged_into: null });
    await settle(world, message.run_id);
    expect((await world.core.inbox.get(message.id)).answer).toBe('Hello.');
  });

  it('collects into the message that waits, in the order they came', async () => {
    const tool = gateTool();
    await using world = await createTestCore({ model: toolThenEcho(), tools: [tool] });
    const first = await say(world, 'one');
    await tool.entered;
    const waiting = await say(world, 'two');
    const others = await Promise.all([say(world, 'three', 'collect'), say(world, 'four', 'collect')]);
    expect(others.map((message) => message.merged_into)).toEqual([waiting.id, waiting.id]);
    tool.open();
    await settle(world, waiting.run_id);
    await settle(world, first.run_id);
    const answer = (await world.core.inbox.get(waiting.id)).answer ?? '';
    for (const word of ['two', 'three', 'four']) expect(answer).toContain(word);
    for (const message of others) expect((await world.core.inbox.get(message.id)).answer).toBe(answer);
  });

  it('becomes a run of its own when the run ended without reading it', async () => {
    const tool = gateTool();
    const model = createScriptedModel((request, n) =>
      n === 1 ? { calls: [{ tool: 'wait_here', input: {} }] } : (request.transcript.at(-1)?.role ?? ''),
    );
    await using world = await createTestCore({ model, tools: [tool], limits: { chatRounds: 1 } });
    const first = await say(world, 'go');
    await tool.entered;
    const late = await say(world, 'and this', 'steer');
    const cancelled = world.core.manager.cancel(first.run_id, 'enough');
    tool.open();
    await cancelled;
    await expect.poll(async () => (await world.core.inbox.get(late.id)).answer, { timeout: 10_000 }).toBe('user');
    expect(await world.core.inbox.get(late.id)).toMatchObject({ mode: 'queue', merged_into: null });
    expect(await world.core.inbox.get(first.id)).toMatchObject({ state: 'failed' });
  });

  it('interrupts a final answer three times at most', async () => {
    let world: TestCore | undefined;
    const model = createScriptedModel(async (request, n) => {
      if (n <= 5 && world !== undefined) await say(world, `more ${n}`, 'steer');
      return `answer to ${request.transcript.filter((entry) => entry.role === 'user').length}`;
    });
    world = await createTestCore({ model });
    await using _world = world;
    const first = await say(world, 'start');
    await settle(world, first.run_id);
    expect((await world.core.inbox.get(first.id)).answer).toBe('answer to 4');
    const events = await world.core.journal.read({ runId: first.run_id });
    expect(events.filter(({ event }) => event.type === 'input.received' && event.late)).toHaveLength(3);
    const { lateInputs, runs } = world.core;
    await expect.poll(() => lateInputs.endedUnread()).toEqual([]);
    await expect.poll(() => runs.open()).toEqual([]);
  });

  it('is kept over a restart that comes before it is read', async () => {
    const tool = gateTool();
    const before = await createTestCore({ model: toolThenEcho(), tools: [tool] });
    const first = await say(before, 'one');
    await tool.entered;
    const second = await say(before, 'two', 'steer');
    await before.abandon();
    const model = createScriptedModel((request) =>
      request.transcript.flatMap((entry) => (entry.role === 'user' ? [entry.text] : [])).join(' | '),
    );
    await using after = await createTestCore({ model, home: before.home, operatorReady: true, tools: [gateTool()] });
    await after.core.recover();
    await settle(after, first.run_id);
    expect((await after.core.inbox.get(second.id)).answer).toBe('one | two');
  });

  it('is refused with a remedy when too many wait', async () => {
    const tool = gateTool();
    const limits = { queuedMessages: 2 };
    await using world = await createTestCore({ model: toolThenEcho(), tools: [tool], limits });
    const first = await say(world, 'one');
    await tool.entered;
    await say(world, 'two');
    await say(world, 'three');
    const refused = await say(world, 'four');
    expect(refused.state).toBe('refused');
    expect(refused.error).toContain('2 messages wait for operator');
    tool.open();
    await settle(world, first.run_id);
  });
});

describe('steering a run by its id', () => {
  it('refuses a run that is over', async () => {
    await using world = await createTestCore({ model: createScriptedModel(() => 'Hello.') });
    const message = await say(world, 'hi');
    await settle(world, message.run_id);
    await expect(world.core.steering.steerAsOwner(message.run_id, 'more')).rejects.toMatchObject({ code: 'conflict' });
    expect(await world.core.lateInputs.pending(message.run_id)).toEqual([]);
  });

  it('interrupt ends what is under way and what waits before it', async () => {
    const tool = gateTool();
    await using world = await createTestCore({ model: toolThenEcho(), tools: [tool] });
    const first = await say(world, 'one');
    await tool.entered;
    const second = await say(world, 'two');
    const third = await say(world, 'three');
    const before = { sessionId: third.session_id, runId: third.run_id };
    const interrupted = world.core.steering.interrupt(before, { id: 'owner', surface: 'cli' });
    tool.open();
    await interrupted;
    await settle(world, third.run_id);
    expect((await world.core.inbox.get(first.id)).error).toContain('Interrupted by a newer message');
    expect((await world.core.inbox.get(second.id)).state).toBe('failed');
    expect((await world.core.inbox.get(third.id)).state).toBe('answered');
  });
});
