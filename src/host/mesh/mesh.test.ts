import { describe, expect, it } from 'vitest';
import { AgentId } from '../../protocol/ids.ts';
import type { JsonValue } from '../../protocol/json.ts';
import type { Label } from '../../protocol/label.ts';
import { NO_PERMISSIONS } from '../../protocol/permission.ts';
import { createScriptedModel, type ScriptedAnswer } from '../../testing/scripted-model.ts';
import { createTestCore, type TestCore } from '../../testing/test-core.ts';
import type { ModelRequest } from '../models/model.ts';
import { MESH_TOOLS } from '../tools/toolbox.ts';

const owner = { id: 'owner', surface: 'cli' };
type Turn = (said: string, request: ModelRequest) => ScriptedAnswer;

/** Each agent answers by its own script; `said` is the newest message of its transcript. */
async function fleet(turns: Readonly<Record<string, Turn>>, home?: string): Promise<TestCore> {
  const model = createScriptedModel((request) => {
    const last = request.transcript.at(-1);
    const said = last?.role === 'assistant' ? '' : (last?.text ?? '');
    return turns[request.agentId]?.(said, request) ?? 'nothing to do';
  });
  const made = await createTestCore({ model, tools: [], ...(home === undefined ? {} : { home, operatorReady: true }) });
  if (home !== undefined) return made;
  for (const id of Object.keys(turns).filter((name) => name !== 'operator')) {
    await made.core.agents.create(
      {
        id: AgentId.parse(id),
        tools: [...MESH_TOOLS],
        permissions: {
          ...NO_PERMISSIONS,
          can_message: ['*'],
          can_publish: ['*'],
          can_subscribe: ['*'],
          blackboard_read: ['*'],
          blackboard_write: ['*'],
        },
      },
      owner,
    );
  }
  return made;
}

async function say(made: TestCore, agentId: string, text: string) {
  const session = await made.core.sessions.active({ agentId, channel: 'local', chatId: 'owner' });
  const { message } = await made.core.inbox.receive({
    channel: 'local',
    platformMessageId: undefined,
    session,
    principal: 'owner',
    text,
  });
  made.core.lanes.add(session.id, message.run_id);
  await made.core.manager.settled(message.run_id, AbortSignal.timeout(20_000));
  return { ...(await made.core.inbox.get(message.id)), sessionId: session.id };
}

const call = (tool: string, input: JsonValue): ScriptedAnswer => ({ calls: [{ tool, input }] });
const quiet = async (made: TestCore) =>
  await expect.poll(async () => (await made.core.runs.open()).length, { timeout: 15_000 }).toBe(0);
const answers = async (made: TestCore, sessionId: string) =>
  (await made.core.inbox.history(sessionId, 50)).map(({ answer }) => answer ?? '');

/** Calls one tool on the owner's word and answers with what it returned. */
const once =
  (tool: string, input: JsonValue): Turn =>
  (said) =>
    said === 'go' ? call(tool, input) : said;

describe('a hand-off', () => {
  it('wakes the other agent, closes with its answer and tells the conversation it came from', async () => {
    await using made = await fleet({
      operator: (said) => (said === 'find out' ? call('hand_off', { to: 'scout', summary: 'count the ships' }) : said),
      scout: (said) => (said.includes('count the ships') ? 'I see three ships.' : 'hm'),
    });
    const { sessionId } = await say(made, 'operator', 'find out');
    await quiet(made);
    const [task] = await made.core.mesh.tasks.list({ creator: 'operator', limit: 5 });
    expect(task).toMatchObject({ state: 'done', assignee: 'scout', result: 'I see three ships.' });
    const said = (await answers(made, sessionId)).join('\n');
    expect(said).toContain('handed to scout, is done');
    expect(said).toContain('I see three ships.');
  });

  it('closes along the chain: the first task waits for what was handed on', async () => {
    await using made = await fleet({
      operator: (said) => (said === 'go' ? call('hand_off', { to: 'scout', summary: 'outer work' }) : said),
      scout: (said) => {
        if (said.includes('outer work')) return call('hand_off', { to: 'diver', summary: 'inner work' });
        return said.includes('pearls') ? 'scout: it found pearls' : 'handed on';
      },
      diver: () => 'pearls',
    });
    await say(made, 'operator', 'go');
    await quiet(made);
    const tasks = await made.core.mesh.tasks.list({ limit: 10 });
    const outer = tasks.find((task) => task.summary === 'outer work');
    const inner = tasks.find((task) => task.summary === 'inner work');
    expect(inner).toMatchObject({ state: 'done', parent_id: outer?.id, root_id: outer?.id, result: 'pearls' });
    expect(outer).toMatchObject({ state: 'done', result: 'scout: it found pearls' });
  });

  it('waits for what it depends on, and is blocked when that fails', async () => {
    await using made = await fleet({
      operator: once('hand_off', { to: 'scout', summary: 'first', evidence: ['artifact'] }),
      scout: (said) => (said.includes('second') ? 'second done' : 'first done, without showing anything'),
    });
    await say(made, 'operator', 'go');
    await quiet(made);
    const { tasks, flow } = made.core.mesh;
    const [first] = await tasks.list({ limit: 1 });
    if (first === undefined) throw new Error('no task');
    expect(first).toMatchObject({
      state: 'blocked',
      note: expect.stringContaining('without the evidence it needs (artifact)'),
    });
    const { row, statements } = await tasks.prepare(
      {
        ...{
          team: undefined,
          creator: 'operator',
          assignee: 'scout',
          summary: 'second',
          brief: '',
          data: {},
          priority: 5,
        },
        ...{ label: { integrity: 'owner', confidentiality: 'internal', origins: [] }, parentId: undefined },
        ...{ dependsOn: [first.id], required: [], principal: 'owner', sessionId: undefined },
      },
      'tsk_second',
    );
    await made.store.write(statements);
    await flow.start(row);
    expect((await tasks.get('tsk_second')).state).toBe('pending');
    await flow.cancel(await tasks.get(first.id), {
      text: 'not needed',
      label: { integrity: 'owner', confidentiality: 'internal', origins: [] },
    });
    expect(await tasks.get('tsk_second')).toMatchObject({
      state: 'blocked',
      note: expect.stringContaining('cancelled'),
    });
  });

  it('says plainly that nobody works on it when it was refused', async () => {
    await using made = await fleet({ operator: once('hand_off', { to: 'nobody', summary: 'x' }) });
    const message = await say(made, 'operator', 'go');
    expect(message.answer).toMatch(/There is no agent named nobody/);
    expect(await made.core.mesh.tasks.list({ limit: 5 })).toEqual([]);
  });

  it('needs the permission to message the other one', async () => {
    await using made = await fleet({ scout: once('hand_off', { to: 'diver', summary: 'x' }), diver: () => 'ok' });
    const scout = await made.core.agents.get('scout');
    const permissions = { ...scout.permissions, can_message: [] };
    await made.core.agents.edit('scout', { permissions }, owner);
    expect((await say(made, 'scout', 'go')).answer).toMatch(/^Denied/);
    expect(await made.core.mesh.tasks.list({ limit: 5 })).toEqual([]);
  });

  it('is one task however often a crash makes it run, and goes on after a restart', async () => {
    const before = await fleet({
      operator: once('hand_off', { to: 'scout', summary: 'count the ships' }),
      scout: () => 'never said',
    });
    const { mesh } = before.core;
    const context = {
      effectId: 'eff_1',
      agentId: 'operator',
      runId: 'run_x',
      principal: 'owner',
      sessionId: undefined,
    };
    const tool = mesh.tools.find(({ name }) => name === 'hand_off');
    const input = tool?.input.parse({ summary: 'for anybody' });
    const label = { integrity: 'owner', confidentiality: 'internal', origins: [] };
    for (let n = 0; n < 3; n += 1) await tool?.execute(input, { ...context, label } as never);
    expect(await mesh.tasks.list({ limit: 5 })).toHaveLength(1);
    await before.abandon();
    await using after = await fleet({ operator: (said) => said, scout: () => 'counted' }, before.home);
    await after.core.recover();
    expect(await after.core.mesh.tasks.list({ open: true, limit: 5 })).toMatchObject([
      { state: 'pending', assignee: null },
    ]);
  });
});

describe('claiming', () => {
  it('lets one of many have a task', async () => {
    await using made = await fleet({ operator: once('hand_off', { summary: 'for anybody' }) });
    await say(made, 'operator', 'go');
    const { tasks } = made.core.mesh;
    const [open] = await tasks.list({ open: true, limit: 1 });
    if (open === undefined) throw new Error('no task');
    const tries = await Promise.allSettled(['a', 'b', 'c', 'd', 'e'].map((id) => tasks.claim(open, id)));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

describe('topics, watches and messages', () => {
  it('wake who subscribed, not who published, and carry the label', async () => {
    const heard: string[] = [];
    await using made = await fleet({
      scout: once('publish_event', { topic: 'teams/scout/new_lead', payload: { name: 'Ada' } }),
      diver: (said) => {
        heard.push(said);
        return 'noted';
      },
    });
    await made.core.mesh.interests.add('diver', 'topic', 'teams/scout/new_lead');
    await made.core.mesh.interests.add('scout', 'topic', 'teams/scout/new_lead');
    expect((await say(made, 'scout', 'go')).answer).toContain('"subscribers": 1');
    await quiet(made);
    expect(heard).toEqual([expect.stringContaining('Event teams/scout/new_lead from scout: {"name":"Ada"}')]);
  });

  it('tell who watches a key that may be read, and nobody else', async () => {
    const heard: string[] = [];
    const listen: Turn = (said) => {
      heard.push(said);
      return 'noted';
    };
    await using made = await fleet({
      scout: once('write_blackboard', { key: 'tasks/x', value: 1 }),
      diver: listen,
    });
    await made.core.mesh.interests.add('operator', 'watch', 'teams/scout/*');
    await made.core.mesh.interests.add('diver', 'watch', 'teams/scout/*');
    await say(made, 'scout', 'go');
    await quiet(made);
    expect(heard).toEqual([]);
    const session = await made.core.sessions.active({ agentId: 'operator', channel: 'mesh', chatId: 'mesh' });
    expect(await made.core.inbox.history(session.id, 5)).toMatchObject([
      { text: expect.stringContaining('scout wrote the blackboard key teams/scout/tasks/x, version 1') },
    ]);
  });

  it('never let an agent read or list another namespace, whatever prefix it asks for', async () => {
    await using made = await fleet({
      scout: (said) => (said === 'read' ? call('read_blackboard', { key: 'teams/diver/secret' }) : said),
      diver: once('list_blackboard', { prefix: 'teams/' }),
    });
    const { blackboard } = made.core.mesh;
    const label: Label = { integrity: 'agent', confidentiality: 'internal', origins: [] };
    await blackboard.write({ key: 'teams/diver/secret', value: 'pearls', by: 'diver', label });
    await blackboard.write({ key: 'teams/scout/own', value: 'ships', by: 'scout', label });
    await blackboard.write({ key: 'global/tasks/operator/1', value: 'mail', by: 'diver', label });
    expect((await say(made, 'scout', 'read')).answer).toMatch(/^Denied/);
    const listed = (await say(made, 'diver', 'go')).answer ?? '';
    expect(listed).not.toContain('ships');
  });

  it('wake an agent at most ten times an hour for news, and lose none', async () => {
    await using made = await fleet({ diver: () => 'noted' });
    const { notices } = made.core.mesh;
    const label: Label = { integrity: 'agent', confidentiality: 'internal', origins: [] };
    for (let n = 0; n < 14; n += 1) {
      await made.store.write([notices.row({ agentId: 'diver', kind: 'news', text: `news ${n}`, label })]);
      await notices.deliver();
      await quiet(made);
    }
    const session = await made.core.sessions.active({ agentId: 'diver', channel: 'mesh', chatId: 'mesh' });
    expect(await made.core.inbox.history(session.id, 50)).toHaveLength(10);
    expect((await notices.take('diver')).map(({ text }) => text)).toEqual(['news 10', 'news 11', 'news 12', 'news 13']);
  });

  it('deliver a message into the run that is under way', async () => {
    await using made = await fleet({
      scout: once('send_message', { to: 'diver', text: 'come up' }),
      diver: (said) => `diver heard: ${said}`,
    });
    expect((await say(made, 'scout', 'go')).answer).toContain('"sent": true');
    await quiet(made);
    const session = await made.core.sessions.active({ agentId: 'diver', channel: 'mesh', chatId: 'mesh' });
    expect((await made.core.inbox.history(session.id, 5))[0]?.answer).toContain('scout says to you');
  });
});
