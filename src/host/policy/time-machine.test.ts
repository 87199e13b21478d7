import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { StoredEvent } from '../../protocol/event.ts';
import { type Judged, PolicyChange } from '../../protocol/policy-change.ts';
import type { Resource } from '../../protocol/resource.ts';
import { createScriptedModel, type Script } from '../../testing/scripted-model.ts';
import { createTestCore, type TestCore, type TestCoreOptions } from '../../testing/test-core.ts';
import type { Tool } from '../tools/tool.ts';
import { createPolicyHistory } from './policy-history.ts';
import { createTimeMachine, type TimeMachine } from './time-machine.ts';

const touching = (resources: readonly Resource[]): Tool<object> => ({
  ...{ name: 'touch', description: 'Touches.', risk: 'control', idempotent: true, parallel: true },
  input: z.looseObject({}),
  resources: async () => resources,
  execute: async () => ({
    ...{ status: 'ok', text: 'touched' },
    label: { integrity: 'system', confidentiality: 'public', origins: [] },
  }),
});

/** The operator spawns a writer; whoever has `touch` and has not used it uses it. */
const script: Script = ({ transcript, tools }) => {
  if (transcript.at(-1)?.role === 'tool') return 'done';
  if (!tools.some(({ name }) => name === 'spawn_worker')) return { calls: [{ tool: 'touch', input: {} }] };
  return { calls: [{ tool: 'spawn_worker', input: { template: 'writer', task: 'go' } }] };
};

async function worldWith(
  resources: readonly Resource[],
  options: Partial<TestCoreOptions> = {},
): Promise<{ world: TestCore; machine: TimeMachine; events(): Promise<StoredEvent[]> }> {
  const world = await createTestCore({ model: createScriptedModel(script), tools: [touching(resources)], ...options });
  const { core, store } = world;
  const session = await core.sessions.active({ agentId: 'operator', channel: 'local', chatId: 'owner' });
  const { message } = await core.inbox.receive({
    ...{ channel: 'local', platformMessageId: 'm', session, principal: 'owner', text: 'go' },
  });
  core.lanes.add(session.id, message.run_id);
  await core.manager.settled(message.run_id, AbortSignal.timeout(10_000));
  const clock = { now: () => Date.now() + 1, sleep: async () => {} };
  const machine = createTimeMachine({
    ...{ history: createPolicyHistory({ ...core, store }), agents: core.agents, templates: core.templates },
    ...{ config: { floor: { never: [], atMost: {} }, unattended: { questions: 'wait' }, untrusted: 'read' } },
    ...{ paths: { home: world.home, userHome: '/home/nobody' }, clock },
  });
  return { world, machine, events: () => core.journal.read({}) };
}

const URL: Resource = { kind: 'url', url: 'https://example.org/page', method: 'GET' };
const change = (raw: z.input<typeof PolicyChange>) => ({ change: PolicyChange.parse(raw), days: 1 });

describe('the policy time machine', () => {
  it('names every recorded decision that a rule would change, and leaves the others', async () => {
    const { world, machine, events } = await worldWith([URL]);
    await using _ = world;
    const before = (await events()).length;
    const result = await machine.try(change({ floor: { alsoNever: ['host:*.org'] } }));
    expect(result).toMatchObject({ tried: 2, skipped: 0, differing: 1, kinds: { 'allow > deny': 1 } });
    expect(result.decisions).toMatchObject([
      {
        ...{ agentId: 'operator', template: 'writer', tool: 'touch', recorded: 'allow' },
        about: ['GET https://example.org/page'],
        before: { kind: 'allow' },
        after: { kind: 'deny', rule: 'floor.never', why: expect.stringContaining('host:*.org') },
      },
    ]);
    expect((await events()).length).toBe(before);
  });

  it('says that nothing would differ when nothing would', async () => {
    const { world, machine } = await worldWith([URL]);
    await using _ = world;
    expect(await machine.try(change({}))).toMatchObject({ tried: 2, differing: 0, decisions: [], kinds: {} });
    expect(await machine.try(change({ floor: { alsoNever: ['host:*.com'] } }))).toMatchObject({ differing: 0 });
  });

  it('carries a bound of the parent on to its workers', async () => {
    const { world, machine } = await worldWith([URL]);
    await using _ = world;
    const result = await machine.try(change({ floor: { atMost: { can_use_internet: false, can_spawn: [] } } }));
    expect(result.decisions.map(({ tool, after }) => `${tool} ${after.rule}`)).toEqual([
      'touch internet.not-granted',
      'spawn_worker spawn.not-granted',
    ]);
  });

  it('carries a change of an agent on to its workers', async () => {
    const { world, machine } = await worldWith([URL]);
    await using _ = world;
    const result = await machine.try(change({ agents: { operator: { allowed_hosts: ['*.example.com'] } } }));
    expect(result.decisions).toMatchObject([{ template: 'writer', after: { rule: 'internet.host-not-granted' } }]);
  });

  it('tries what was refused again, and standing grants too', async () => {
    const { world, machine } = await worldWith([{ kind: 'person', address: 'telegram:1', known: false }], {
      policy: { unattended: { questions: 'wait' } },
      model: createScriptedModel((request, n) => (n === 2 ? 'nothing' : script(request, n))),
    });
    await using _ = world;
    const recorded = { callId: 'c', decision: { kind: 'deny', rule: 'x', reason: 'r', unlock: 'u' } } as const;
    const [run] = await world.core.runs.list({ limit: 1 });
    const judged: Judged = {
      ...{ tool: 'spawn_worker', risk: 'control', principal: 'owner' },
      resources: [{ kind: 'person', address: 'telegram:1', known: false }],
    };
    const event = { type: 'tool.decided', ...recorded, judged } as const;
    const chat = (await world.core.runs.list({ limit: 10 })).find(({ kind }) => kind === 'chat') ?? run;
    await world.core.journal.append([{ runId: chat?.id, event }]);
    const add = [{ id: 'g', agentId: 'operator', allows: ['person:telegram:*'] }];
    const result = await machine.try(change({ grants: { add } }));
    expect(result.decisions).toMatchObject([
      { recorded: 'deny', before: { kind: 'ask', rule: 'people.ask-unknown' }, after: { kind: 'allow' } },
    ]);
  });

  it('keeps what labels said', async () => {
    const { world, machine } = await worldWith([URL]);
    await using _ = world;
    const worker = (await world.core.runs.list({ limit: 10 })).find(({ kind }) => kind === 'worker');
    const card = { title: 'Private data may leave', facts: [], risk: 'r' };
    const judged = { tool: 'touch', risk: 'network', principal: 'owner', resources: [{ ...URL }] } as const;
    const decision = { kind: 'ask', rule: 'flow.three-of-three', card } as const;
    await world.core.journal.append([
      {
        runId: worker?.id,
        event: { type: 'tool.decided', callId: 'x', decision, judged: { ...judged, resources: [...judged.resources] } },
      },
    ]);
    const result = await machine.try(change({ floor: { alsoNever: ['host:example.org'] } }));
    expect(result.kinds).toEqual({ 'allow > deny': 1, 'ask > deny': 1 });
  });

  it('counts what was recorded without its facts, and looks no further back than asked', async () => {
    const { world, machine } = await worldWith([URL]);
    await using _ = world;
    const decision = { kind: 'allow', rule: 'tools.control' } as const;
    await world.core.journal.append([{ runId: 'run_gone', event: { type: 'tool.decided', callId: 'x', decision } }]);
    expect(await machine.try(change({}))).toMatchObject({ tried: 2, skipped: 1 });
    expect(await machine.try({ ...change({}), days: 1 / 86_400_000 })).toMatchObject({ tried: 0, skipped: 0 });
  });

  it('refuses an agent or a field that there is not', async () => {
    const { world, machine } = await worldWith([]);
    await using _ = world;
    await expect(machine.try(change({ agents: { nobody: {} } }))).rejects.toMatchObject({ code: 'not-found' });
    expect(PolicyChange.safeParse({ agents: { sales: { can_fly: true } } }).success).toBe(false);
  });
});
