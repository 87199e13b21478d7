import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTE_RULES } from '../../src/host/access/route-rules.ts';
import type { ApprovalView, MessageView, SessionView } from '../../src/protocol/api.ts';
import { isAtLeast, ROLES, type Role } from '../../src/protocol/people.ts';
import type { ScenarioInput } from '../../src/simulator/scenario.ts';
import { createFileBlobStore } from '../../src/storage/file-blob-store.ts';
import { toStatement } from '../../src/storage/query.ts';
import { createWorld, type World } from '../../src/testing/world.ts';
import { addTenant, type Operation, operationsOf, type Tenant } from './tenants-world.ts';

const SECRET = 'ada-canary-7c1e';

/** Two people on one install: neither sees nor influences anything of the other's, whatever they ask for. */
describe('people on one install', { timeout: 120_000 }, () => {
  let world: World;
  let folder: string;
  let ada: Tenant;
  let bob: Tenant;
  let operations: Operation[];
  const theirs: Record<string, string> = {};

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-tenants-'));
    world = await createWorld({ model: 'simulator/m', scenarios: [scenario(folder)] });
    ada = await addTenant(world, 'Ada');
    bob = await addTenant(world, 'Bob');
    operations = await operationsOf(world);
    const said = await ada.json<MessageView>('POST', '/api/agents/operator/messages', { text: `say ${SECRET}` });
    await world.settled(said.id);
    const asks = await ada.json<MessageView>('POST', '/api/agents/operator/messages', { text: `folder ${SECRET}` });
    const approval = await until(async () => (await ada.json<ApprovalView[]>('GET', '/api/approvals'))[0]);
    Object.assign(theirs, {
      session: said.sessionId,
      message: said.id,
      run: asks.runId,
      endedRun: said.runId,
      approval: approval.id,
      ...(await makeArtifact(world, said.runId ?? '')),
    });
  }, 120_000);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  /** Everything of Ada's, as the owner sees it. */
  const snapshot = async (): Promise<string> => {
    const { control } = world.host;
    const runs = (await control.runs({ limit: 100 })).filter((run) => run.sessionId === theirs['session']);
    const history = await control.history(theirs['session'] ?? '', 100);
    const session = (await control.sessions(undefined)).find((one) => one.id === theirs['session']);
    const approvals = (await control.approvals('all')).filter((one) => one.id === theirs['approval']);
    return JSON.stringify({ runs, history, session, approvals });
  };

  const betrays = (text: string, except: string): string[] =>
    [SECRET, ada.id, ...Object.values(theirs)].filter((word) => word !== except && text.includes(word));

  it('has a rule for every route of a running host, and no other', () => {
    const routes = operations.map(({ method, path }) => `${method} ${path}`).sort();
    expect(routes.length).toBeGreaterThan(50);
    const undecided = operations.filter(
      ({ least, path }) => least === 'undecided' || (least === '' && path !== '/api/events'),
    );
    expect(undecided).toEqual([]);
    expect(Object.keys(ROUTE_RULES).filter((route) => !routes.includes(route))).toEqual([]);
  });

  it('lets no role use a route that asks for a higher one', async () => {
    const people: Record<Exclude<Role, 'owner'>, Tenant> = {
      admin: await addTenant(world, 'Adam', 'admin'),
      member: bob,
      viewer: await addTenant(world, 'Vic', 'viewer'),
    };
    const wrong: string[] = [];
    for (const { method, path, least } of operations) {
      for (const role of ROLES) {
        const asked = ROLES.find((one) => one === least);
        if (role === 'owner' || asked === undefined || isAtLeast(role, asked)) continue;
        const { status } = await people[role].call(
          method,
          path.replaceAll(/\{\w+\}/g, 'x'),
          method === 'get' ? undefined : {},
        );
        if (status !== 403) wrong.push(`${role}: ${method} ${path} ${status}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('shows nothing of one to the other on any route, with any id of theirs in any place', async () => {
    const before = await snapshot();
    const found: string[] = [];
    for (const { method, path } of operations) {
      if (path === '/api/events' || path === '/api/logout') continue;
      for (const id of Object.values(theirs)) {
        for (const query of ['', `?sessionId=${id}`, `?runId=${id}`, `?parentRunId=${id}`]) {
          if (query !== '' && method !== 'get') continue;
          const target = path.replaceAll(/\{\w+\}/g, path.includes('/agents/') ? 'operator' : id) + query;
          const { text } = await bob.call(method, target, bodyFor(method, path, { id, bob: bob.id }));
          for (const word of betrays(text, id)) found.push(`${method} ${target}: ${word}`);
        }
      }
    }
    expect(found).toEqual([]);
    expect(await snapshot()).toBe(before);
  });

  it('answers for what is somebody else’s exactly as for what is not there', async () => {
    for (const [of, path] of [
      ['run', '/api/runs/'],
      ['message', '/api/messages/'],
    ] as const) {
      const real = await bob.call('GET', path + theirs[of]);
      const invented = await bob.call('GET', path + (theirs[of] ?? '').replace(/.{4}$/, '0000'));
      expect(real.status).toBe(404);
      const bare = (text: string): string => text.replaceAll(/(?:run|msg)_[0-9a-f]+/g, 'ID');
      expect(bare(real.text)).toBe(bare(invented.text));
    }
  });

  it('cannot approve, cancel, steer or write for the other, and the other can', async () => {
    const decide = { decision: 'allow' };
    expect((await bob.call('POST', `/api/approvals/${theirs['approval']}`, decide)).status).toBe(404);
    expect((await bob.call('POST', `/api/runs/${theirs['run']}/cancel`)).status).toBe(404);
    expect((await bob.call('POST', `/api/runs/${theirs['run']}/steer`, { text: 'x' })).status).toBe(404);
    const into = { text: 'x', sessionId: theirs['session'] };
    expect((await bob.call('POST', '/api/agents/operator/messages', into)).status).toBe(404);
    expect((await ada.json<ApprovalView[]>('GET', '/api/approvals')).map((one) => one.state)).toEqual(['pending']);
  });

  it('shows the word that answers a question to whom it asks, and never to a model or in the journal', async () => {
    const [approval] = await ada.json<ApprovalView[]>('GET', '/api/approvals');
    const nonce = approval?.nonce ?? '';
    expect(nonce).toMatch(/^[a-z2-9]{6,}$/);
    expect((await ada.call('POST', `/api/approvals/${theirs['approval']}`, { decision: 'deny' })).status).toBe(200);
    await until(
      async () =>
        (await ada.json<{ finishedAt: number | null }>('GET', `/api/runs/${theirs['run']}`)).finishedAt ?? undefined,
    );
    expect(world.simulator.requests.length).toBeGreaterThan(2);
    expect(JSON.stringify(world.simulator.requests)).not.toContain(nonce);
    expect((await ada.call('GET', `/api/runs/${theirs['run']}/events`)).text).not.toContain(nonce);
    expect(world.logs.join('')).not.toContain(nonce);
  });

  it('keeps two messages with the same id of their senders apart', async () => {
    const body = { text: `say ${SECRET}-2`, clientMessageId: 'the-same' };
    const first = await ada.json<MessageView>('POST', '/api/agents/operator/messages', body);
    const second = await bob.json<MessageView>('POST', '/api/agents/operator/messages', { ...body, text: 'say hello' });
    expect(second.id).not.toBe(first.id);
    expect(second.sessionId).not.toBe(first.sessionId);
    expect((await ada.json<MessageView>('POST', '/api/agents/operator/messages', body)).id).toBe(first.id);
    await Promise.all([world.settled(first.id), world.settled(second.id)]);
  });

  it('streams to each only their own, stored and live, whatever the filter', async () => {
    const streams = await Promise.all(
      ['?after=0', '', `?after=0&sessionId=${theirs['session']}`, `?after=0&runId=${theirs['endedRun']}`].map((query) =>
        bob.stream(query),
      ),
    );
    const own = await ada.stream('?after=0');
    const message = await ada.json<MessageView>('POST', '/api/agents/operator/messages', { text: `say ${SECRET}-3` });
    await world.settled(message.id);
    await until(async () => own.received.some((text) => text.includes(`${SECRET}-3`)) || undefined);
    await delay(300);
    const all = streams.flatMap(({ received }) => received).join('\n');
    expect(all).toContain('caught-up');
    expect(betrays(all, '')).toEqual([]);
    for (const { socket } of [...streams, own]) socket.terminate();
  });

  it('acts for the one who asked: runs, workers and sessions carry the person', async () => {
    const rows = await world.host.core.runs.list({ sessionId: theirs['session'], limit: 10 });
    expect(new Set(rows.map((row) => row.principal))).toEqual(new Set([ada.id]));
    const sessions = await bob.json<SessionView[]>('GET', '/api/sessions');
    expect(sessions.length).toBeGreaterThan(0);
    expect(sessions.some((one) => one.id === theirs['session'])).toBe(false);
  });

  it('shows a session that was shared, lets nobody write to it, and hides it again', async () => {
    const share = `/api/sessions/${theirs['session']}/shares`;
    expect((await bob.call('POST', share, { person: bob.id })).status).toBe(404);
    expect((await ada.call('POST', share, { person: bob.id })).status).toBe(200);
    expect((await bob.call('GET', `/api/sessions/${theirs['session']}/history`)).text).toContain(SECRET);
    expect((await bob.call('GET', `/api/runs/${theirs['endedRun']}`)).status).toBe(200);
    const into = { text: 'x', sessionId: theirs['session'] };
    expect((await bob.call('POST', '/api/agents/operator/messages', into)).status).toBe(404);
    expect((await bob.call('POST', `/api/runs/${theirs['run']}/cancel`)).status).toBe(404);
    expect((await ada.call('DELETE', `${share}/${bob.id}`)).status).toBe(200);
    expect((await bob.call('GET', `/api/sessions/${theirs['session']}/history`)).status).toBe(404);
  });

  it('tells everybody that things are paused, and nothing else of it', async () => {
    const listening = await bob.stream();
    expect((await bob.call('POST', '/api/freeze', {})).status).toBe(403);
    const word = await bob.json<MessageView>('POST', '/api/agents/operator/messages', { text: '/freeze' });
    expect(word.runId).not.toBeNull(); // A member's word is a message like any other.
    await world.settled(word.id);
    await world.host.control.send('operator', { text: '/freeze' }, { id: 'owner', surface: 'web' });
    await until(async () => listening.received.some((text) => text.includes('freeze.changed')) || undefined);
    expect((await bob.call('GET', '/api/status')).text).toContain('"scope":"*"');
    listening.socket.terminate();
  });
});

function scenario(folder: string): ScenarioInput {
  const worker = { template: 'writer', task: 'look', allowed_paths: [{ path: folder }] };
  return {
    name: 'tenants',
    models: ['m'],
    rules: [
      {
        when: { toolResults: 0, user: 'folder' },
        answer: { toolCalls: [{ tool: 'spawn_worker', arguments: worker }] },
      },
      { answer: { text: 'I heard: {{user|clip:200}}' } },
    ],
  };
}

/** As a worker of that run would leave it. */
async function makeArtifact(world: World, runId: string): Promise<{ artifact: string; blob: string }> {
  const { core } = world.host;
  const blobs = await createFileBlobStore(world.home.blobs);
  const { hash: blob, bytes } = await blobs.put(Buffer.from(`report of ${SECRET}`));
  const artifact = `art_${'a'.repeat(32)}`;
  const facts = { name: 'report.md', bytes, blob };
  const row = { id: artifact, run_id: runId, media_type: 'text/markdown', created_at: Date.now(), ...facts };
  await core.journal.append(
    [{ runId, event: { type: 'artifact.created', artifactId: artifact, mediaType: 'text/markdown', ...facts } }],
    [toStatement(core.sql.insertInto('artifacts').values(row))],
  );
  return { artifact, blob };
}

function bodyFor(method: string, path: string, { id, bob }: { id: string; bob: string }): unknown {
  if (method === 'get' || method === 'delete') return undefined;
  if (path.endsWith('/messages')) return { text: 'hello', sessionId: id };
  if (path.endsWith('/steer')) return { text: 'hello' };
  if (path.endsWith('/mode')) return { mode: 'collect' };
  if (path.endsWith('/shares')) return { person: bob };
  if (path === '/api/sessions') return { agentId: 'operator' };
  if (path.startsWith('/api/approvals')) return { decision: 'allow' };
  return {};
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + 30_000; ; await delay(25)) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error('it did not happen within 30 s');
  }
}
