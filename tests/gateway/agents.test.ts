import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorld, type World } from '../../src/testing/world.ts';
import { callSocket } from './socket-call.ts';

/** The routes that make and change agents, over a real host. */
let world: World;
beforeAll(async () => {
  world = await createWorld({
    scenarios: [{ name: 'agent', rules: [{ answer: { text: 'At your service.' } }] }],
    model: 'simulator/agent',
    config: { limits: { maxAgents: 2 } },
  });
});
afterAll(() => world[Symbol.asyncDispose]());

const call = (method: string, path: string, body?: unknown) =>
  callSocket(world.home.hostSocket, { method, path, body });

describe('agents over the API', () => {
  it('are made, talked to, edited with their files, undone, copied, archived, restored and removed', async () => {
    const made = await call('POST', '/api/agents', {
      id: 'scout',
      role: 'looks around',
      files: { 'SOUL.md': 'Calm.' },
    });
    expect(made).toMatchObject({ status: 200, body: { id: 'scout', revision: 1, status: 'active' } });
    const sent = await world.host.control.send('scout', { text: 'hello' }, { id: 'owner', surface: 'cli' });
    expect(await world.settled(sent.id)).toMatchObject({ state: 'answered', answer: 'At your service.' });

    const edited = await call('POST', '/api/agents/scout/config', { title: 'Pathfinder', revision: 1 });
    expect(edited.body).toMatchObject({ title: 'Pathfinder', revision: 2 });
    expect(await call('POST', '/api/agents/scout/config', { title: 'Late', revision: 1 })).toMatchObject({
      status: 409,
    });
    expect((await call('POST', '/api/agents/scout/undo', { revision: 2 })).body).toMatchObject({ title: 'Scout' });

    expect(await call('POST', '/api/agents/scout/files/SOUL.md', { text: 'Brave.' })).toMatchObject({ status: 200 });
    const files = await call('GET', '/api/agents/scout/files');
    expect(files.body).toContainEqual({ name: 'SOUL.md', text: 'Brave.', cap: 4_000, writable: true });
    expect((await call('GET', '/api/agents/scout/prompt')).body).toMatchObject({
      text: expect.stringContaining('Brave.'),
    });
    expect(await call('POST', '/api/agents/scout/files/SYSTEM.md', { text: 'x' })).toMatchObject({ status: 400 });
    expect(await call('POST', '/api/agents/scout/files/OTHER.md', { text: 'x' })).toMatchObject({ status: 400 });

    expect(await call('POST', '/api/agents/scout/clone', { id: 'twin' })).toMatchObject({ status: 200 });
    expect(await call('POST', '/api/agents', { id: 'third' })).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
    expect((await call('POST', '/api/agents/twin/archive')).body).toMatchObject({ status: 'archived' });
    expect(await call('POST', '/api/agents', { id: 'third' })).toMatchObject({ status: 200 });
    expect(await call('POST', '/api/agents/twin/restore')).toMatchObject({ status: 403 });
    expect(await call('DELETE', '/api/agents/third')).toMatchObject({ status: 200 });
    expect(await call('GET', '/api/agents/third/config')).toMatchObject({ status: 404 });
    expect(await call('POST', '/api/agents/twin/restore')).toMatchObject({ status: 200 });
  });

  it('refuse unknown fields, bad names and unknown tools, and change nothing', async () => {
    for (const body of [{ id: 'Bad Name' }, { id: 'x', admin: true }, { id: 'x', permissions: { root: true } }, {}]) {
      expect(await call('POST', '/api/agents', body)).toMatchObject({ status: 400 });
    }
    expect(await call('POST', '/api/agents', { id: 'x', tools: ['fly'] })).toMatchObject({ status: 400 });
    expect(await call('DELETE', '/api/agents/operator')).toMatchObject({ status: 403 });
  });
});
