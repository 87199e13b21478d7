import { mkdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CreateAgent, EditAgent } from '../../protocol/agent.ts';
import { AgentId } from '../../protocol/ids.ts';
import { createScriptedModel } from '../../testing/scripted-model.ts';
import { createTestCore, type TestCore, type TestCoreOptions } from '../../testing/test-core.ts';

const OWNER = { id: 'owner', surface: 'cli' };

async function world(options: Partial<TestCoreOptions> = {}): Promise<TestCore> {
  return await createTestCore({ model: createScriptedModel(() => 'Done.'), ...options });
}

const input = (id: string, more: object = {}): CreateAgent => CreateAgent.parse({ id, tools: [], ...more });

async function talk({ core }: TestCore, agentId: string, text = 'hello'): Promise<string | null> {
  const session = await core.sessions.active({ agentId, channel: 'local', chatId: 'owner' });
  const { message } = await core.inbox.receive({
    channel: 'local',
    platformMessageId: undefined,
    session,
    principal: 'owner',
    text,
  });
  core.lanes.add(session.id, message.run_id);
  await core.manager.settled(message.run_id, AbortSignal.timeout(20_000));
  return (await core.inbox.get(message.id)).answer;
}

describe('agents', () => {
  it('are made with narrow defaults and can be talked to', async () => {
    await using test = await world();
    const made = await test.core.agents.create(input('scout'), OWNER);
    expect(made).toMatchObject({ id: 'scout', title: 'Scout', status: 'active', revision: 1, kind: 'agent' });
    expect(made.permissions).toMatchObject({
      can_use_internet: false,
      can_spawn: [],
      blackboard_read: ['teams/scout/*'],
    });
    expect(await talk(test, 'scout')).toBe('Done.');
  });

  it('refuse a name that is taken, reserved, removed or a team’s', async () => {
    await using test = await world();
    const { agents } = test.core;
    await agents.create(input('scout'), OWNER);
    await expect(agents.create(input('scout'), OWNER)).rejects.toMatchObject({ code: 'conflict' });
    await expect(agents.create(input('owner'), OWNER)).rejects.toThrow('reserved');
    await agents.remove('scout', OWNER);
    await expect(agents.create(input('scout'), OWNER)).rejects.toThrow('was removed');
  });

  it('refuse a tool that is not there or that only a worker can use', async () => {
    await using test = await world();
    const { agents } = test.core;
    await expect(agents.create(input('a', { tools: ['fly'] }), OWNER)).rejects.toThrow('fly');
    await expect(agents.create(input('a', { tools: ['ask_parent'] }), OWNER)).rejects.toThrow('ask_parent');
    expect((await agents.list()).map((agent) => agent.id)).toEqual(['operator']);
  });

  it('keep every change as a revision, and refuse one made from an old state', async () => {
    await using test = await world();
    const { agents } = test.core;
    await agents.create(input('scout'), OWNER);
    await agents.edit('scout', EditAgent.parse({ title: 'Pathfinder', thinking: 'high' }), OWNER);
    await agents.edit('scout', EditAgent.parse({ title: 'Pathfinder' }), OWNER);
    expect(await agents.revisions('scout')).toMatchObject([
      { revision: 2, change: 'updated', fields: ['title', 'thinking'], by: 'owner' },
      { revision: 1, change: 'created' },
    ]);
    const old = EditAgent.parse({ role: 'late', revision: 1 });
    await expect(agents.edit('scout', old, OWNER)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('lose no change when two are made at the same time: one of them is refused', async () => {
    await using test = await world();
    const { agents } = test.core;
    await agents.create(input('scout'), OWNER);
    const edits = await Promise.allSettled(
      Array.from({ length: 8 }, (_, n) => agents.edit('scout', EditAgent.parse({ role: `role ${n}` }), OWNER)),
    );
    const won = edits.filter((edit) => edit.status === 'fulfilled').length;
    expect((await agents.get('scout')).revision).toBe(1 + won);
    expect((await agents.revisions('scout')).length).toBe(1 + won);
  });

  it('take back one change without touching a later one, and never re-grant what was narrowed since', async () => {
    await using test = await world();
    const { agents } = test.core;
    await agents.create(input('scout'), OWNER);
    const permissions = { can_use_internet: true, can_spawn: ['writer'] };
    await agents.edit('scout', EditAgent.parse({ permissions }), OWNER);
    await agents.edit('scout', EditAgent.parse({ title: 'Pathfinder' }), OWNER);
    const undone = await agents.undo('scout', 2, OWNER);
    expect(undone).toMatchObject({ title: 'Pathfinder', permissions: { can_use_internet: false, can_spawn: [] } });
    await agents.edit('scout', EditAgent.parse({ permissions: {} }), OWNER);
    await expect(agents.undo('scout', 4, OWNER)).rejects.toThrow('permissions');
  });

  it('give a receipt with each changed field, which puts it back once', async () => {
    await using test = await world();
    const { agents, changes } = test.core;
    await agents.create(input('scout'), OWNER);
    await agents.edit('scout', EditAgent.parse({ role: 'looks', thinking: 'high' }), OWNER);
    const receipts = await changes.list(10);
    expect(receipts.map(({ target, field }) => `${target}.${field}`).sort()).toEqual(['scout.role', 'scout.thinking']);
    const role = receipts.find(({ field }) => field === 'role');
    await changes.undo(role?.id ?? '', OWNER);
    expect(await agents.get('scout')).toMatchObject({ role: '', thinking: 'high' });
    await expect(changes.undo(role?.id ?? '', OWNER)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('end with a named reason when archived, start nothing new, and go on when restored', async () => {
    const untilStopped = (signal: AbortSignal) =>
      new Promise<string>((resolve) => {
        if (signal.aborted) resolve('stopped');
        signal.addEventListener('abort', () => resolve('stopped'), { once: true });
      });
    await using test = await world({ model: createScriptedModel((request) => untilStopped(request.signal)) });
    const { core } = test;
    await core.agents.create(input('scout'), OWNER);
    const session = await core.sessions.active({ agentId: 'scout', channel: 'local', chatId: 'owner' });
    const inbound = { channel: 'local', platformMessageId: undefined, session, principal: 'owner', text: 'hello' };
    const { message } = await core.inbox.receive(inbound);
    core.lanes.add(session.id, message.run_id);
    await core.agents.archive('scout', OWNER);
    expect(await core.inbox.get(message.id)).toMatchObject({ state: 'failed' });
    await expect(core.inbox.receive(inbound)).rejects.toMatchObject({ code: 'conflict' });
    expect(await core.agents.restore('scout', OWNER)).toMatchObject({ status: 'active' });
  });

  it('disappear when removed, keep their history, and come back by undo', async () => {
    await using test = await world();
    const { agents, personas, runs } = test.core;
    await agents.create(input('scout', { files: { 'SOUL.md': 'Calm.' } }), OWNER);
    await talk(test, 'scout');
    await agents.remove('scout', OWNER);
    await expect(agents.get('scout')).rejects.toMatchObject({ code: 'not-found' });
    expect(await runs.list({ agentId: 'scout', limit: 10 })).toHaveLength(1);
    await personas.purge('scout');
    expect(await agents.undo('scout', 2, OWNER)).toMatchObject({ status: 'active' });
    expect((await personas.read('scout')).get('SOUL.md')).toBe('Calm.');
  });

  it('are copied with their files and their own namespace, but not with their team', async () => {
    await using test = await world();
    const { agents, personas } = test.core;
    await agents.create(input('scout', { role: 'looks around', files: { 'SOUL.md': 'Calm.' } }), OWNER);
    const copy = await agents.clone('scout', { id: AgentId.parse('scout-2') }, OWNER);
    expect(copy).toMatchObject({ role: 'looks around', title: 'Scout (copy)', team: null, revision: 1 });
    expect(copy.permissions.blackboard_write).toEqual(['teams/scout-2/*']);
    expect((await personas.read('scout-2')).get('SOUL.md')).toBe('Calm.');
  });

  it('leave the operator what it is: no other tools, not archived, not removed, not copied', async () => {
    await using test = await world();
    const { agents } = test.core;
    const copy = { id: AgentId.parse('second') };
    await expect(agents.edit('operator', EditAgent.parse({ tools: [] }), OWNER)).rejects.toMatchObject({
      code: 'forbidden',
    });
    await expect(agents.archive('operator', OWNER)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(agents.remove('operator', OWNER)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(agents.clone('operator', copy, OWNER)).rejects.toMatchObject({ code: 'forbidden' });
    expect(await agents.edit('operator', EditAgent.parse({ thinking: 'low' }), OWNER)).toMatchObject({
      thinking: 'low',
    });
  });
});

describe('limits.maxAgents', () => {
  it('holds under many creations at once, counts neither the operator nor archived ones', async () => {
    await using test = await world({ limits: { maxAgents: 3 } });
    const { agents } = test.core;
    const made = await Promise.allSettled(Array.from({ length: 10 }, (_, n) => agents.create(input(`a${n}`), OWNER)));
    expect(made.filter((one) => one.status === 'fulfilled')).toHaveLength(3);
    const refused = made.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    for (const reason of refused) expect(reason).toMatchObject({ code: 'forbidden' });
    const [first] = (await agents.list()).filter((agent) => agent.kind === 'agent');
    await agents.archive(first?.id ?? '', OWNER);
    await agents.create(input('late'), OWNER);
    await expect(agents.restore(first?.id ?? '', OWNER)).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('persona files', () => {
  it('make the system prompt, each within its cap, the same bytes each time', async () => {
    await using test = await world();
    const { agents, agentRuns } = test.core;
    const files = { 'INSTRUCTIONS.md': 'i'.repeat(20_000), 'SOUL.md': 'Calm.', 'HEARTBEAT.md': 'Look at the mail.' };
    await agents.create(input('scout', { files }), OWNER);
    const prompt = await agentRuns.prompt('scout');
    expect(prompt.startsWith('You are an agent.')).toBe(true);
    expect(prompt).toContain('# SOUL.md\n\nCalm.');
    expect(prompt).toContain('you are: Scout (scout)');
    expect(prompt).not.toContain('Look at the mail.');
    expect(prompt).toContain('left out 8000 characters of INSTRUCTIONS.md');
    expect(prompt.length).toBeLessThan(14_500);
    expect(await agentRuns.prompt('scout')).toBe(prompt);
  });

  it('may be edited on the disk: the next turn has it, and the edit has a version', async () => {
    await using test = await world();
    const { agents, agentRuns, personas } = test.core;
    await agents.create(input('scout', { files: { 'SOUL.md': 'Calm.' } }), OWNER);
    await agentRuns.prompt('scout');
    const path = join(test.home, 'agents/scout/SOUL.md');
    await writeFile(path, 'Brave.');
    await utimes(path, 1, 1);
    expect(await agentRuns.prompt('scout')).toContain('Brave.');
    expect(await personas.history('scout', 'SOUL.md')).toMatchObject([
      { version: 2, content: 'Brave.', by: 'owner (file)' },
      { version: 1, content: 'Calm.', by: 'owner (cli)' },
    ]);
    await personas.revert('scout', 'SOUL.md', 1, OWNER);
    expect(await readFile(path, 'utf8')).toBe('Calm.');
  });

  it('come back from the database when the folder is gone, and are empty when a person removed one', async () => {
    await using test = await world();
    const { agents, personas } = test.core;
    await agents.create(input('scout', { files: { 'SOUL.md': 'Calm.', 'USER.md': 'Ada.' } }), OWNER);
    await rm(join(test.home, 'agents/scout/USER.md'));
    expect([...(await personas.read('scout')).keys()]).toEqual(['SOUL.md']);
    await rm(join(test.home, 'agents'), { recursive: true });
    expect((await personas.read('scout')).get('SOUL.md')).toBe('Calm.');
  });

  it('never follow a link out of the folder and never write a generated file', async () => {
    await using test = await world();
    const { agents, personas } = test.core;
    await agents.create(input('scout'), OWNER);
    await mkdir(join(test.home, 'secret'));
    await writeFile(join(test.home, 'secret/key'), 'the key');
    await symlink(join(test.home, 'secret/key'), join(test.home, 'agents/scout/SOUL.md'));
    expect([...(await personas.read('scout')).values()].join()).not.toContain('the key');
    await expect(personas.write('scout', 'SYSTEM.md', 'I may do all.', OWNER)).rejects.toMatchObject({
      code: 'bad-request',
    });
    await expect(personas.write('scout', 'SOUL.md', 'x'.repeat(32_001), OWNER)).rejects.toMatchObject({
      code: 'too-large',
    });
    await expect(personas.read('../vault')).rejects.toThrow();
  });

  it('keep 20 versions of each', async () => {
    await using test = await world();
    const { agents, personas } = test.core;
    await agents.create(input('scout'), OWNER);
    for (let n = 1; n <= 25; n += 1) await personas.write('scout', 'MEMORY.md', `note ${n}`, OWNER);
    const versions = await personas.history('scout', 'MEMORY.md');
    expect([versions.length, versions[0]?.version, versions.at(-1)?.version]).toEqual([20, 25, 6]);
  });
});
