import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { HoldfastError } from '../protocol/error.ts';
import { SYSTEM_LABEL } from '../protocol/label.ts';
import { createScriptedModel } from '../testing/scripted-model.ts';
import { createTestCore, type TestCore, type TestCoreOptions } from '../testing/test-core.ts';
import type { Tool } from './tools/tool.ts';

const chat = { agentId: 'operator', channel: 'local', chatId: 'owner' };

async function say(world: TestCore, text: string, id?: string) {
  const session = await world.core.sessions.active(chat);
  const received = await world.core.inbox.receive({
    channel: 'local',
    platformMessageId: id,
    session,
    principal: 'owner',
    text,
  });
  if (received.isNew && received.message.run_id !== '') world.core.lanes.add(session.id, received.message.run_id);
  return received.message;
}

async function ask(world: TestCore, text: string) {
  const message = await say(world, text);
  await world.core.manager.settled(message.run_id, AbortSignal.timeout(20_000));
  return await world.core.inbox.get(message.id);
}

async function eventTypes(world: TestCore, runId: string): Promise<string[]> {
  return (await world.core.journal.read({ runId })).map((stored) => stored.event.type);
}

/** A control tool that counts its calls and says what it was told. */
function echoTool(
  options: { idempotent?: boolean; during?: () => Promise<void> } = {},
): Tool<{ text: string }> & { calls: string[] } {
  const calls: string[] = [];
  return {
    calls,
    name: 'echo',
    description: 'Says it again.',
    input: z.strictObject({ text: z.string() }),
    risk: 'control',
    idempotent: options.idempotent ?? false,
    parallel: false,
    async execute(input) {
      calls.push(input.text);
      await options.during?.();
      return { status: 'ok', text: `echo: ${input.text}`, label: SYSTEM_LABEL };
    },
  };
}

const start = (options: TestCoreOptions) => createTestCore(options);

describe('a chat run', () => {
  it('answers a message once and journals what it did', async () => {
    await using world = await start({ model: createScriptedModel(() => 'Hello.') });
    const message = await ask(world, 'Hi');
    expect(message).toMatchObject({ state: 'answered', answer: 'Hello.' });
    expect(await eventTypes(world, message.run_id)).toEqual([
      'run.started',
      'input.received',
      'model.requested',
      'model.finished',
      'run.finished',
    ]);
  });

  it('finds a repeated message instead of running it again', async () => {
    const model = createScriptedModel(() => 'Hello.');
    await using world = await start({ model });
    const [first, second] = await Promise.all([say(world, 'Hi', 'same'), say(world, 'Hi', 'same')]);
    expect(second.id).toBe(first.id);
    await world.core.manager.settled(first.run_id, AbortSignal.timeout(10_000));
    expect(model.requests).toHaveLength(1);
  });

  it('answers one after the other within a session and remembers what was said', async () => {
    const model = createScriptedModel(
      (request) => `turn ${request.transcript.filter((m) => m.role === 'user').length}`,
    );
    await using world = await start({ model });
    const [first, second] = [await say(world, 'one'), await say(world, 'two')];
    await world.core.manager.settled(second.run_id, AbortSignal.timeout(10_000));
    expect((await world.core.inbox.get(first.id)).answer).toBe('turn 1');
    expect((await world.core.inbox.get(second.id)).answer).toBe('turn 2');
  });

  it('calls a tool and gives the model its result', async () => {
    const echo = echoTool();
    const model = createScriptedModel((request, n) => {
      if (n === 1) return { calls: [{ tool: 'echo', input: { text: 'x' } }] };
      const last = request.transcript.at(-1);
      return last?.role === 'tool' ? last.text : 'no result';
    });
    await using world = await start({ model, tools: [echo] });
    expect((await ask(world, 'go')).answer).toBe('echo: x');
  });

  it('refuses a tool that was not granted, one that does not exist and arguments that do not fit', async () => {
    const echo = echoTool();
    const seen: string[] = [];
    const model = createScriptedModel((request, n) => {
      const last = request.transcript.at(-1);
      if (last?.role === 'tool') seen.push(last.text);
      const calls = [
        { tool: 'ask_parent', input: { question: 'may I?' } },
        { tool: 'made_up', input: {} },
        { tool: 'echo', input: { wrong: 1 } },
      ];
      const call = calls[n - 1];
      return call === undefined ? 'done' : { calls: [call] };
    });
    await using world = await start({ model, tools: [echo] });
    await ask(world, 'go');
    expect(seen[0]).toContain('not granted');
    expect(seen[1]).toContain('no tool named made_up');
    expect(seen[2]).toContain('do not fit');
    expect(echo.calls).toEqual([]);
  });

  it('never lets the operator use a tool that acts, even one it was granted', async () => {
    const acting: Tool<{ text: string }> = { ...echoTool(), risk: 'sandbox-execute' };
    const model = createScriptedModel((request, n) => {
      const last = request.transcript.at(-1);
      return n === 1 ? { calls: [{ tool: 'echo', input: { text: 'x' } }] } : last?.role === 'tool' ? last.text : '';
    });
    await using world = await start({ model, tools: [acting] });
    expect((await ask(world, 'go')).answer).toContain('The operator does not act itself');
  });

  it('retries a failure that may pass and names one that does not', async () => {
    const failures = createScriptedModel((_request, n) =>
      n < 3 ? { fail: { code: 'model.overloaded', message: 'busy', retryable: true, retryAfterMs: 1 } } : 'made it',
    );
    await using world = await start({ model: failures });
    expect((await ask(world, 'go')).answer).toBe('made it');

    await using broken = await start({
      model: createScriptedModel(() => ({
        fail: { code: 'model.auth', message: 'The key is wrong.', remedy: 'holdfast setup' },
      })),
    });
    const failed = await ask(broken, 'go');
    expect(failed).toMatchObject({ state: 'failed', answer: null });
    expect(failed.error).toContain('The key is wrong.');
  });
});

describe('a database that cannot be written for a while', () => {
  it('holds a run up and ends none', async () => {
    let full = false;
    const echo = echoTool({
      during: async () => {
        full = true;
        setTimeout(() => {
          full = false;
        }, 700);
      },
    });
    const model = createScriptedModel((request) => {
      const last = request.transcript.at(-1);
      return last?.role === 'tool' ? last.text.slice(0, 8) : { calls: [{ tool: 'echo', input: { text: 'x' } }] };
    });
    await using world = await start({
      model,
      tools: [echo],
      wrapStore: (store) => ({
        dialect: store.dialect,
        read: (statement) => store.read(statement),
        write: async (unit) => {
          if (full) throw new HoldfastError('storage.full', 'The disk is full.');
          return await store.write(unit);
        },
        [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
      }),
    });
    const message = await ask(world, 'go');
    // The tool may not run twice, so its outcome is unknown; the message is answered all the same.
    expect(message).toMatchObject({ state: 'answered', answer: 'Unknown:' });
    expect(echo.calls).toHaveLength(1);
  });
});

describe('limits', () => {
  const loops = (input: (n: number) => string) =>
    createScriptedModel((request, n) =>
      request.tools.length === 0 ? 'I had to stop early.' : { calls: [{ tool: 'echo', input: { text: input(n) } }] },
    );

  it('gives a chat that used its rounds one last call without tools', async () => {
    await using world = await start({ model: loops(String), tools: [echoTool()], limits: { chatRounds: 3 } });
    const message = await ask(world, 'go');
    expect(message).toMatchObject({ state: 'answered', answer: 'I had to stop early.' });
    expect(message.error).toContain('run.step-limit');
  });

  it('warns at the 2nd, skips at the 4th and stops at the 9th identical call', async () => {
    const echo = echoTool();
    const model = loops(() => 'same');
    await using world = await start({ model, tools: [echo], limits: { noProgressSteps: 50 } });
    const message = await ask(world, 'go');
    expect(message.state).toBe('failed');
    expect(message.error).toContain('run.loop');
    expect(echo.calls).toHaveLength(3);
    const notices = (await world.core.journal.read({ runId: message.run_id })).flatMap((s) =>
      s.event.type === 'loop.noticed' ? [`${s.event.verdict}${s.event.count}`] : [],
    );
    expect(notices).toEqual(['warn2', 'warn3', 'skip4', 'skip5', 'skip6', 'skip7', 'skip8', 'stop9']);
    const warned = model.requests[2]?.transcript.at(-1);
    expect(warned?.role === 'tool' && warned.text).toContain('Try a different approach');
  });

  it('stops a run that makes no progress', async () => {
    const model = createScriptedModel((_request, n) => ({
      calls: [{ tool: 'echo', input: { text: n % 2 === 0 ? 'a' : 'b' } }],
    }));
    const echo: Tool = { ...echoTool(), loopExempt: true };
    await using world = await start({ model, tools: [echo], limits: { noProgressSteps: 4 } });
    expect((await ask(world, 'go')).error).toContain('run.no-progress');
  });

  it('closes a session that has gone on too often, with the way out', async () => {
    const model = createScriptedModel((_request, n) =>
      n % 2 === 1 ? { calls: [{ tool: 'echo', input: { text: String(n) } }] } : 'ok',
    );
    await using world = await start({ model, tools: [echoTool()], limits: { sessionRounds: 1, autoContinues: 1 } });
    expect((await ask(world, 'one')).state).toBe('answered');
    expect((await ask(world, 'two')).state).toBe('answered');
    const refused = await say(world, 'three');
    expect(refused.state).toBe('refused');
    expect(refused.error).toContain('/new');
  });
});

describe('cancelling', () => {
  it('ends a run with a named state and pairs its open call', async () => {
    let entered = (): void => {};
    const running = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const hang: Tool<{ text: string }> = {
      ...echoTool(),
      execute: (_input, context) => {
        entered();
        return new Promise((_resolve, reject) =>
          context.signal.addEventListener('abort', () => reject(context.signal.reason)),
        );
      },
    };
    const model = createScriptedModel((_request, n) =>
      n === 1 ? { calls: [{ tool: 'echo', input: { text: 'x' } }] } : 'second turn',
    );
    await using world = await start({ model, tools: [hang] });
    const message = await say(world, 'go');
    await running;
    await world.core.manager.cancel(message.run_id, 'Cancelled by owner (cli).');
    expect(await world.core.inbox.get(message.id)).toMatchObject({ state: 'failed' });
    expect((await ask(world, 'again')).answer).toBe('second turn');
    const transcript = model.requests[1]?.transcript ?? [];
    expect(transcript.filter((m) => m.role === 'tool').map((m) => m.role === 'tool' && m.text)).toEqual([
      'Not run: the run ended first.',
    ]);
  });
});

describe('cancelling a run that waits for a person', () => {
  it('closes its open question', async () => {
    const model = createScriptedModel(() => ({
      calls: [
        { tool: 'spawn_worker', input: { template: 'writer', task: 'look', allowed_paths: [{ path: '/usr/share' }] } },
      ],
    }));
    await using world = await start({ model });
    const message = await say(world, 'go');
    const card = await waitForApproval(world);
    await world.core.manager.cancel(message.run_id, 'Cancelled by owner (web).');
    expect(await world.core.approvals.list('pending')).toEqual([]);
    await expect(
      world.core.approvals.decide(card.id, 'allowed', { id: 'owner', surface: 'web' }),
    ).rejects.toMatchObject({ code: 'conflict' });
    expect(await world.core.runs.open()).toEqual([]);
  });

  it('ends its workers too and does not take their end for an answer', async () => {
    let started = (): void => {};
    const working = new Promise<void>((resolve) => {
      started = resolve;
    });
    const model = createScriptedModel(async (request) => {
      if (!request.system.includes('You are a worker of Holdfast'))
        return { calls: [{ tool: 'spawn_worker', input: { template: 'writer', task: 'x' } }] };
      started();
      await new Promise((resolve) => request.signal.addEventListener('abort', resolve, { once: true }));
      return 'too late';
    });
    await using world = await start({ model });
    const message = await say(world, 'go');
    await working;
    await world.core.manager.cancel(message.run_id, 'Cancelled by owner (web).');
    expect((await world.core.runs.list({ limit: 10 })).map((run) => run.state)).toEqual(['cancelled', 'cancelled']);
    expect(model.requests).toHaveLength(2);
  });
});

describe('workers', () => {
  const worker = (task: string) => ({ calls: [{ tool: 'spawn_worker', input: { template: 'writer', task } }] });
  const isWorker = (request: { system: string }) => request.system.includes('You are a worker of Holdfast');
  const lastTool = (request: { transcript: readonly { role: string }[] }) => {
    const last = request.transcript.at(-1) as { role: string; text: string } | undefined;
    return last?.role === 'tool'
      ? (JSON.parse(last.text) as { worker: string; status: string; text: string })
      : undefined;
  };

  it('brings a result back to the operator', async () => {
    const model = createScriptedModel((request) => {
      if (isWorker(request)) return 'forty-two';
      const result = lastTool(request);
      return result === undefined ? worker('compute') : `${result.status}: ${result.text}`;
    });
    await using world = await start({ model });
    expect((await ask(world, 'go')).answer).toBe('result: forty-two');
  });

  it('runs several side by side', async () => {
    let together = 0;
    let most = 0;
    const model = createScriptedModel(async (request) => {
      if (isWorker(request)) {
        together += 1;
        most = Math.max(most, together);
        await delay(20);
        together -= 1;
        return 'done';
      }
      return request.transcript.at(-1)?.role === 'tool'
        ? 'all done'
        : { calls: [...worker('a').calls, ...worker('b').calls, ...worker('c').calls] };
    });
    await using world = await start({ model });
    expect((await ask(world, 'go')).answer).toBe('all done');
    expect(most).toBe(3);
  });

  it('takes a question to the operator and its answer back', async () => {
    const model = createScriptedModel((request) => {
      const last = request.transcript.at(-1);
      if (isWorker(request)) {
        return last?.role === 'tool'
          ? `the answer was ${last.text}`
          : { calls: [{ tool: 'ask_parent', input: { question: 'Which colour?' } }] };
      }
      const result = lastTool(request);
      if (result === undefined) return worker('paint');
      if (result.status === 'question')
        return { calls: [{ tool: 'answer_worker', input: { worker: result.worker, answer: 'blue' } }] };
      return result.text;
    });
    await using world = await start({ model });
    expect((await ask(world, 'go')).answer).toBe('the answer was blue');
  });

  it('does not wait for a background worker, and tells the session when it settles', async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const model = createScriptedModel(async (request) => {
      if (isWorker(request)) {
        await held;
        return 'forty-two';
      }
      const last = request.transcript.at(-1);
      if (last?.role === 'user' && last.text.startsWith('[Holdfast]')) return `I hear: ${last.text.split('\n')[0]}`;
      if (last?.role === 'user' && last.text === 'still there?') return 'yes';
      const result = lastTool(request);
      if (result !== undefined) return `started, ${result.status}`;
      return { calls: [{ tool: 'spawn_worker', input: { template: 'writer', task: 'compute', background: true } }] };
    });
    await using world = await start({ model });
    expect((await ask(world, 'go')).answer).toBe('started, running');
    // The worker is still at it, and the operator answers all the same.
    expect((await ask(world, 'still there?')).answer).toBe('yes');
    const worker = (await world.core.runs.list({ limit: 10 })).find((run) => run.kind === 'worker');
    release();
    await world.core.manager.settled(worker?.id ?? '', AbortSignal.timeout(10_000));
    const [session] = await world.core.sessions.list('operator');
    const history = await world.core.inbox.history(session?.id ?? '', 10);
    const told = history.at(-1);
    expect(told).toMatchObject({ principal: 'holdfast', text: 'The worker writer is done: compute' });
    await world.core.manager.settled(told?.run_id ?? '', AbortSignal.timeout(10_000));
    expect((await world.core.inbox.get(told?.id ?? '')).answer).toContain('The worker writer is done: compute');
  });

  it('reports an error of a worker with its name', async () => {
    const model = createScriptedModel((request) => {
      if (isWorker(request)) return { fail: { code: 'model.auth', message: 'The key is wrong.' } };
      const result = lastTool(request);
      return result === undefined ? worker('x') : `${result.status}: ${result.text}`;
    });
    await using world = await start({ model });
    expect((await ask(world, 'go')).answer).toBe('error: The key is wrong.');
  });

  it('asks the owner before a worker sees a folder, and takes no for an answer', async () => {
    const model = createScriptedModel((request) => {
      if (isWorker(request)) return 'never';
      const last = request.transcript.at(-1);
      return last?.role === 'tool'
        ? last.text
        : {
            calls: [
              {
                tool: 'spawn_worker',
                input: { template: 'writer', task: 'look', allowed_paths: [{ path: '/usr/share' }] },
              },
            ],
          };
    });
    await using world = await start({ model });
    const message = await say(world, 'go');
    const card = await waitForApproval(world);
    expect(JSON.parse(card.card).facts[0]).toEqual({ name: 'folder (read-only)', value: '/usr/share' });
    await world.core.approvals.decide(card.id, 'denied', { id: 'owner', surface: 'cli' });
    await expect(world.core.approvals.decide(card.id, 'allowed', { id: 'owner', surface: 'web' })).rejects.toThrow(
      'denied by owner (cli)',
    );
    await world.core.manager.settled(message.run_id, AbortSignal.timeout(10_000));
    expect((await world.core.inbox.get(message.id)).answer).toContain('the user said no');
  });

  it('never shares the runtime’s own data, whatever anybody says', async () => {
    const model = createScriptedModel((request) => {
      const last = request.transcript.at(-1);
      return last?.role === 'tool'
        ? last.text
        : {
            calls: [
              { tool: 'spawn_worker', input: { template: 'writer', task: 'look', allowed_paths: [{ path: '/etc' }] } },
            ],
          };
    });
    await using world = await start({ model });
    expect((await ask(world, 'go')).answer).toContain('is never shared');
  });
});

async function waitForApproval(world: TestCore) {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const [pending] = await world.core.approvals.list('pending');
    if (pending !== undefined) return pending;
    if (Date.now() > deadline) throw new Error('no approval was requested');
    await delay(5);
  }
}
