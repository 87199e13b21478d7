import { describe, expect, it } from 'vitest';
import { createScriptedModel } from '../../testing/scripted-model.ts';
import { createTestCore, type TestCore, type TestCoreOptions } from '../../testing/test-core.ts';
import { createPolicyDesk, type PolicyDesk } from './policy-desk.ts';

const model = createScriptedModel(() => 'hello');
const open = (options: Partial<TestCoreOptions> = {}): Promise<TestCore> => createTestCore({ model, ...options });
const deskOf = ({ core }: TestCore): PolicyDesk =>
  createPolicyDesk({ ...core, tools: core.toolbox.byName, userHome: '/home/nobody' });

describe('the policy desk', () => {
  it('explains a refusal by its rule and names what would change it', async () => {
    await using world = await open();
    const told = await deskOf(world).explain({
      agent: 'operator',
      action: 'pay',
      resource: 'wallet:evm:base 5',
    });
    expect(told.decision).toMatchObject({ kind: 'deny', rule: 'wallet.not-granted' });
    expect(told.changes).toEqual(['Turn on can_use_wallet for the agent.']);
  });

  it('explains a worker of an agent, whose own words never widen it', async () => {
    await using world = await open();
    const desk = deskOf(world);
    const ask = (agent: string, action: string, resource: string) => desk.explain({ agent, action, resource });
    expect((await ask('operator/writer', 'spawn', 'template:writer')).decision).toMatchObject({
      rule: 'spawn.not-granted',
    });
    expect((await ask('operator', 'spawn_worker', 'template:writer')).decision.kind).toBe('allow');
    expect((await ask('operator', 'spawn_worker', '~/x')).decision).toMatchObject({
      kind: 'ask',
      rule: 'paths.ask-owner',
    });
    expect((await ask('operator', 'read', '~/.ssh')).decision).toMatchObject({ rule: 'paths.never-shared' });
  });

  it('refuses what it cannot read, and names what there is', async () => {
    await using world = await open();
    const desk = deskOf(world);
    await expect(desk.explain({ agent: 'operator', action: 'x', resource: 'nonsense' })).rejects.toThrow('nonsense');
    await expect(desk.explain({ agent: 'nobody', action: 'x' })).rejects.toMatchObject({ code: 'not-found' });
    await expect(desk.explain({ agent: 'operator/none', action: 'x' })).rejects.toMatchObject({ code: 'not-found' });
    await expect(desk.show('nobody')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('shows what holds within the floor, with a version that changes with it', async () => {
    await using plain = await open();
    await using bound = await open({
      policy: { floor: { never: ['host:evil.example'], atMost: { can_spawn: ['writer'] } } },
    });
    const [wide, narrow] = [await deskOf(plain).show('operator'), await deskOf(bound).show('operator')];
    expect(wide.permissions.can_spawn).toEqual(['*']);
    expect(narrow.permissions.can_spawn).toEqual(['writer']);
    expect(narrow.floor).toEqual(['host:evil.example']);
    expect(narrow.version).not.toBe(wide.version);
    expect((await deskOf(plain).show('operator')).version).toBe(wide.version);
  });
});
