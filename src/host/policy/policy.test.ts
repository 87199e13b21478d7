import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OPERATOR_PERMISSIONS } from '../../policy/default-permissions.ts';
import { Permissions } from '../../protocol/permission.ts';
import { createScriptedModel, type Script } from '../../testing/scripted-model.ts';
import { createTestCore, type TestCore, type TestCoreOptions } from '../../testing/test-core.ts';
import { specOf } from '../runs/run-store.ts';

/** The operator starts a worker, then says what came back; the worker says what `worker` says. */
const spawning =
  (input: Record<string, string>, worker: string): Script =>
  (request) => {
    const last = request.transcript.at(-1);
    if (last?.role === 'tool') return last.text;
    if (request.tools.some(({ name }) => name === 'spawn_worker')) return { calls: [{ tool: 'spawn_worker', input }] };
    return worker;
  };

async function ask(world: TestCore, text = 'go'): Promise<string> {
  const { core } = world;
  const session = await core.sessions.active({ agentId: 'operator', channel: 'local', chatId: 'owner' });
  const { message } = await core.inbox.receive({
    ...{ channel: 'local', platformMessageId: `m${text}`, session, principal: 'owner' },
    text,
  });
  core.lanes.add(session.id, message.run_id);
  await core.manager.settled(message.run_id, AbortSignal.timeout(10_000));
  return (await core.inbox.get(message.id)).answer ?? '';
}

const world = (script: Script, options: Partial<TestCoreOptions> = {}): Promise<TestCore> =>
  createTestCore({ model: createScriptedModel(script), ...options });

describe('permissions of runs', () => {
  it('of a worker are never wider than its template’s and its parent’s', async () => {
    await using made = await world(spawning({ template: 'writer', task: 'write' }, 'written'));
    expect(await ask(made)).toContain('written');
    const specs = (await made.core.runs.list({ limit: 10 })).map(specOf);
    const chat = specs.find(({ kind }) => kind === 'chat')?.permissions;
    const worker = specs.find(({ kind }) => kind === 'worker')?.permissions;
    expect(chat).toMatchObject({ can_spawn: ['*'], can_manage_fleet: true, can_use_wallet: false });
    expect(worker).toMatchObject({
      can_spawn: [],
      can_manage_fleet: false,
      can_use_internet: true,
      allowed_egress: [],
    });
  });

  it('are bounded by the floor: a worker template can be forbidden to all', async () => {
    await using made = await world(spawning({ template: 'writer', task: 'write' }, 'written'), {
      policy: { floor: { atMost: { can_spawn: ['code_worker'] } } },
    });
    expect(await ask(made)).toContain('It may not start the worker template writer.');
    await using never = await world(spawning({ template: 'writer', task: 'write' }, 'written'), {
      policy: { floor: { never: [{ never: 'template:writer', why: 'Write yourself.' }] } },
    });
    expect(await ask(never)).toContain('Write yourself.');
    expect((await never.core.runs.list({ limit: 10 })).filter(({ kind }) => kind === 'worker')).toEqual([]);
  });

  it('a run without any is given nothing', async () => {
    await using made = await world(() => 'x');
    const facts = await made.core.policy.factsOf({
      ...{ agentId: 'stray', tools: [], isOperator: false, folders: [], unattended: false },
    });
    expect(facts.permissions).toMatchObject({ can_spawn: [], can_use_internet: false });
  });

  it('tell a fetch where it may go, redirects included', async () => {
    await using made = await world(() => 'x', {
      policy: { floor: { never: ['host:*.bad.example', { never: 'host:one.example', agents: ['other'] }] } },
    });
    const permissions = Permissions.parse({ can_use_internet: true, allowed_hosts: ['*.GOOD.example'] });
    const run = { agentId: 'a', tools: [], isOperator: false, permissions, folders: [], unattended: false };
    expect(made.core.policy.hostsOf(run)).toEqual({ allow: ['*.good.example'], deny: ['*.bad.example'] });
    expect(made.core.policy.hostsOf({ ...run, agentId: 'other' }).deny).toEqual(['one.example', '*.bad.example']);
  });

  it('bound the places of an agent’s own sandbox', async () => {
    await using made = await world(() => 'x', { policy: { floor: { never: ['host:bad.example'] } } });
    const places = (allowed: string[] | null): string[] =>
      made.core.policy.placesOf('a', Permissions.parse({ allowed_egress: allowed }), ['good.example', 'bad.example']);
    expect([places([]), places(null), places(['good.example'])]).toEqual([[], ['good.example'], ['good.example']]);
  });

  it('keep a refused host out of the places a worker’s sandbox asks for', async () => {
    const root = await mkdtemp(join(tmpdir(), 'holdfast-policy-'));
    try {
      await mkdir(join(root, 'home'));
      await using made = await world(spawning({ template: 'writer', task: 'write' }, 'written'), {
        ...{ home: join(root, 'home'), egress: ['good.example', 'bad.example'] },
        policy: { floor: { never: ['host:bad.example'] } },
      });
      const writer = made.core.templates.find('writer');
      const { createPlaces } = await import('../workers/worker-permissions.ts');
      const permissions = made.core.policy.permissionsOf({ permissions: OPERATOR_PERMISSIONS });
      const caller = { agentId: 'operator', permissions };
      expect(writer && createPlaces(made.core.policy.floor)(writer, caller)).toEqual(['good.example']);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});
