import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { createScriptedModel, type ScriptedAnswer, type ScriptedModel } from '../../testing/scripted-model.ts';
import { createTestCore, type TestCore } from '../../testing/test-core.ts';
import { readOperator } from '../agents/operator.ts';
import { packageRoot } from '../package-root.ts';

const OWNER = { id: 'owner', surface: 'cli' };
type Step = { tool: string; input: JsonValue } | string;

/** An operator that makes these calls one after the other, then repeats what the last one said. */
function operator(steps: readonly Step[]): ScriptedModel {
  return createScriptedModel((request): ScriptedAnswer => {
    if (request.system.includes('You are a worker')) return 'worker done';
    const results = request.transcript.flatMap((turn) => (turn.role === 'tool' ? [turn.text] : []));
    const step = steps[results.length];
    if (step === undefined) return results.at(-1) ?? 'Hello.';
    if (typeof step === 'string') return step;
    const text = JSON.stringify(step.input).replaceAll(
      /\$(\d)/g,
      (_, n) => /(?:plan|todo|run)_[0-9a-f]{32}/.exec(results[Number(n)] ?? '')?.[0] ?? '',
    );
    return { calls: [{ tool: step.tool, input: JSON.parse(text) as JsonValue }] };
  });
}

async function ask(
  { core }: TestCore,
  text = 'go',
  wait = true,
): Promise<{ answer: string; sessionId: string; id: string }> {
  const session = await core.sessions.active({ agentId: 'operator', channel: 'local', chatId: 'owner' });
  const inbound = { channel: 'local', platformMessageId: undefined, session, principal: 'owner', text };
  const { message } = await core.inbox.receive(inbound);
  core.lanes.add(session.id, message.run_id);
  if (wait) await core.manager.settled(message.run_id, AbortSignal.timeout(20_000));
  return { answer: (await core.inbox.get(message.id)).answer ?? '', sessionId: session.id, id: message.id };
}

/** Answers the next question, once it is there. */
async function decide({ core }: TestCore, outcome: 'allowed' | 'denied'): Promise<string> {
  await expect.poll(async () => (await core.approvals.list('pending')).length, { timeout: 15_000 }).toBe(1);
  const [card] = await core.approvals.list('pending');
  await core.approvals.decide(card?.id ?? '', outcome, OWNER);
  return card?.card ?? '';
}

async function answered({ core }: TestCore, id: string): Promise<string> {
  await expect.poll(async () => (await core.inbox.get(id)).finished_at, { timeout: 15_000 }).not.toBeNull();
  return (await core.inbox.get(id)).answer ?? '';
}

const plan = (steps: [string, string][]): Step => ({
  tool: 'plan_create',
  input: { title: 'Ship it', steps: steps.map(([kind, title]) => ({ kind, title })) },
});

describe('plans', () => {
  it('go from planned to completed, and a worker’s end closes its step', async () => {
    const model = operator([
      plan([
        ['worker', 'write'],
        ['final', 'tell'],
      ]),
      { tool: 'spawn_worker', input: { template: 'writer', task: 'write' } },
      { tool: 'plan_update', input: { plan: '$0', step: 1, state: 'waiting', worker: '$1' } },
      { tool: 'plan_update', input: { plan: '$0', step: 2, state: 'done' } },
    ]);
    await using test = await createTestCore({ model });
    expect(JSON.parse((await ask(test)).answer)).toMatchObject({
      state: 'completed',
      steps: [{ state: 'done', result: 'worker done' }, { state: 'done' }],
    });
    const events = (await test.core.journal.read({})).flatMap(({ event }) =>
      event.type === 'plan.changed' ? [event.state] : [],
    );
    expect(events).toEqual(['planned', 'awaiting_worker', 'needs_next_step', 'completed']);
  });

  it('close the step of a background worker in the unit that ends it', async () => {
    const model = createScriptedModel((request): ScriptedAnswer => {
      if (request.system.includes('You are a worker')) return 'worker done';
      const results = request.transcript.flatMap((turn) => (turn.role === 'tool' ? [turn.text] : []));
      const id = (n: number, kind: string) => new RegExp(`${kind}_[0-9a-f]{32}`).exec(results[n] ?? '')?.[0] ?? '';
      if (results.length === 0)
        return {
          calls: [
            plan([
              ['worker', 'write'],
              ['final', 'tell'],
            ]) as never,
          ],
        };
      if (results.length === 1)
        return { calls: [{ tool: 'spawn_worker', input: { template: 'writer', task: 'write', background: true } }] };
      if (results.length === 2)
        return {
          calls: [
            { tool: 'plan_update', input: { plan: id(0, 'plan'), step: 1, state: 'waiting', worker: id(1, 'run') } },
          ],
        };
      return 'ok';
    });
    await using test = await createTestCore({ model });
    await ask(test);
    await expect.poll(async () => (await test.core.plans.list({ limit: 1 }))[0]?.state).toBe('needs_next_step');
  });

  it('let nobody but a person approve, and nothing pass an open approval or end with steps left', async () => {
    const model = operator([
      plan([
        ['approval', 'publish?'],
        ['operator', 'publish'],
        ['final', 'tell'],
      ]),
      { tool: 'plan_update', input: { plan: '$0', step: 1, state: 'done' } },
      { tool: 'plan_update', input: { plan: '$0', step: 2, state: 'running' } },
      { tool: 'plan_update', input: { plan: '$0', step: 3, state: 'done' } },
      { tool: 'plan_approve', input: { plan: '$0', step: 1 } },
      { tool: 'plan_update', input: { plan: '$0', step: 2, state: 'done' } },
    ]);
    await using test = await createTestCore({ model });
    const sent = await ask(test, 'go', false);
    expect(await decide(test, 'allowed')).toContain('publish?');
    const answer = await answered(test, sent.id);
    expect(JSON.parse(answer)).toMatchObject({
      state: 'needs_next_step',
      steps: [{ state: 'done' }, { state: 'done' }, { state: 'pending' }],
    });
    const texts = model.requests.at(-1)?.transcript.flatMap((turn) => (turn.role === 'tool' ? [turn.text] : [])) ?? [];
    expect(texts[1]).toContain("a person's to approve");
    expect(texts[2]).toContain('waits for the approval of step 1');
    expect(texts[3]).toContain('waits for the approval of step 1');
  });

  it('are taken up after a restart, once, when nobody is working on them', async () => {
    const home = await mkdtemp(join(tmpdir(), 'holdfast-plans-'));
    try {
      const first = await createTestCore({
        model: operator([
          plan([
            ['operator', 'think'],
            ['final', 'tell'],
          ]),
          'later',
        ]),
        home,
      });
      const { sessionId } = await ask(first);
      await first[Symbol.asyncDispose]();
      for (const life of [1, 2]) {
        await using next = await createTestCore({ model: operator(['I go on.']), home, operatorReady: true });
        await next.core.recover();
        await expect
          .poll(async () => (await next.core.inbox.history(sessionId, 10)).at(-1)?.finished_at)
          .not.toBeNull();
        const history = await next.core.inbox.history(sessionId, 10);
        expect([life, history.length]).toEqual([life, 2]);
        expect(history[1]?.text).toContain('nobody is working on your plan');
      }
    } finally {
      await rm(home, { recursive: true });
    }
  });
});

describe('notes to itself', () => {
  it('come back once when they are due, and not before', async () => {
    let now = Date.now();
    const clock = { ...systemClock, now: () => now };
    const model = operator([{ tool: 'self_queue_add', input: { text: 'ask Ada again', in_minutes: 30 } }, 'noted']);
    await using test = await createTestCore({ model, clock });
    const { sessionId } = await ask(test);
    expect(await test.core.selfQueue.deliver()).toBe(0);
    now += 31 * 60_000;
    expect(await test.core.selfQueue.deliver()).toBe(1);
    expect(await test.core.selfQueue.deliver()).toBe(0);
    const history = await test.core.inbox.history(sessionId, 10);
    expect(history.at(-1)?.text).toContain('ask Ada again');
  });
});

describe('the operator and the fleet', () => {
  it('makes an agent within its narrow defaults without a question', async () => {
    const model = operator([
      { tool: 'create_agent', input: { id: 'scout', role: 'looks around', tools: [], soul: 'Calm.' } },
    ]);
    await using test = await createTestCore({ model });
    expect(JSON.parse((await ask(test)).answer)).toMatchObject({ agent: 'scout', status: 'active' });
    expect((await test.core.personas.read('scout')).get('SOUL.md')).toBe('Calm.');
    expect((await test.core.agents.revisions('scout'))[0]).toMatchObject({ by: 'operator', surface: 'agent' });
  });

  it('asks a person with the exact fields before anything widens, and accepts a no', async () => {
    const model = operator([
      {
        tool: 'create_agent',
        input: { id: 'scout', tools: ['list_activity'], permissions: { can_use_internet: true } },
      },
    ]);
    await using test = await createTestCore({ model });
    const sent = await ask(test, 'go', false);
    const card = await decide(test, 'denied');
    expect(card).toContain('can_use_internet');
    expect(card).toContain('list_activity');
    expect(await answered(test, sent.id)).toContain('Denied');
    expect((await test.core.agents.list()).map((agent) => agent.id)).toEqual(['operator']);
  });

  it('can never give what only a person may, nor change itself, nor remove without a question', async () => {
    const model = operator([
      { tool: 'create_agent', input: { id: 'scout', tools: [] } },
      { tool: 'edit_agent', input: { agent: 'scout', permissions: { can_use_wallet: true } } },
      { tool: 'edit_agent', input: { agent: 'operator', title: 'Boss' } },
      { tool: 'edit_agent', input: { agent: 'scout', permissions: { can_message: [] } } },
      { tool: 'remove_agent', input: { agent: 'scout' } },
    ]);
    await using test = await createTestCore({ model });
    const sent = await ask(test, 'go', false);
    await decide(test, 'allowed');
    expect(await answered(test, sent.id)).toContain('"removed": "scout"');
    const texts = model.requests.at(-1)?.transcript.flatMap((turn) => (turn.role === 'tool' ? [turn.text] : [])) ?? [];
    expect(texts[1]).toContain('Only the owner can give scout this: can_use_wallet');
    expect(texts[2]).toContain('cannot change your own configuration');
    expect(texts[3]).toContain('"revision": 2');
  });

  it('makes a kind of worker for a task after a question, and uses it', async () => {
    const template = {
      id: 'poet',
      title: 'Poet',
      description: 'writes verse',
      tools: ['list_workers'],
      prompt: 'Rhyme.',
    };
    const model = operator([
      { tool: 'create_worker_template', input: template },
      { tool: 'spawn_worker', input: { template: 'poet', task: 'an ode' } },
    ]);
    await using test = await createTestCore({ model });
    const sent = await ask(test, 'go', false);
    expect(await decide(test, 'allowed')).toContain('poet: tools list_workers');
    expect(await answered(test, sent.id)).toContain('worker done');
  });

  it('knows who is doing what', async () => {
    const model = operator([{ tool: 'list_activity', input: {} }]);
    await using test = await createTestCore({ model });
    expect(JSON.parse((await ask(test)).answer)).toMatchObject({
      runs: [{ agent: 'operator', kind: 'chat', title: 'go' }],
      agents: { active: 0, archived: 0 },
    });
  });

  it('has no tool that acts, and a trivial message costs one call under 15,000 characters', async () => {
    const model = operator([]);
    await using test = await createTestCore({ model });
    const { instructions, tools } = await readOperator(packageRoot);
    await test.core.agents.ensureOperator({ instructions, tools });
    expect((await ask(test, 'hello')).answer).toBe('Hello.');
    const risks = tools.map((name) => test.core.toolbox.byName.get(name)?.risk ?? 'absent');
    expect([...new Set(risks)]).toEqual(['control']);
    expect(model.requests).toHaveLength(1);
    const [request] = model.requests;
    const characters = JSON.stringify([request?.system, request?.transcript, request?.tools]).length;
    expect(characters).toBeLessThan(15_000);
  });
});
