import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { totpCode, totpStep } from '../../src/base/totp.ts';
import { request } from '../../src/cli/api-request.ts';
import type { MessageView } from '../../src/protocol/api.ts';
import type { MadeKey } from '../../src/protocol/people.ts';
import { createWorld, type World } from '../../src/testing/world.ts';
import { addTenant, openBrowser, type Tenant } from './tenants-world.ts';

/** What a key was made for is all that it can do, and no more than its person; a second factor stands before a login. */
describe('ways in', { timeout: 120_000 }, () => {
  let world: World;
  let ada: Tenant;
  beforeAll(async () => {
    const rules = [{ answer: { text: 'hello' } }];
    world = await createWorld({ model: 'simulator/m', scenarios: [{ name: 'hello', models: ['m'], rules }] });
    ada = await addTenant(world, 'Ada');
  }, 60_000);
  afterAll(() => world[Symbol.asyncDispose]());

  const withKey = async (key: string, method: string, path: string, body?: unknown) => {
    const response = await fetch(`${world.host.api.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  };
  const ownerKey = async (body: object): Promise<MadeKey> =>
    JSON.parse(
      (await request({ socketPath: world.home.hostSocket }, { method: 'POST', path: '/api/keys', body })).toString(),
    );

  it('a key does what it was made for and nothing else', async () => {
    const reader = await ownerKey({ name: 'reader', actions: ['read'] });
    const say = { text: 'hi' };
    expect((await withKey(reader.key, 'GET', '/api/runs')).status).toBe(200);
    expect((await withKey(reader.key, 'POST', '/api/agents/operator/messages', say)).status).toBe(403);
    const sender = await ownerKey({ name: 'sender', actions: ['send'] });
    expect((await withKey(sender.key, 'POST', '/api/agents/operator/messages', say)).status).toBe(200);
    expect((await withKey(sender.key, 'GET', '/api/runs')).status).toBe(403);
    for (const [method, path, body] of [
      ['GET', '/api/audit', undefined],
      ['POST', '/api/freeze', {}],
      ['POST', '/api/keys', { name: 'more' }],
      ['POST', '/api/people', { name: 'Eve' }],
      ['POST', '/api/approvals/apr_1', { decision: 'allow' }],
      ['DELETE', `/api/keys/${sender.id}`, undefined],
    ] as const)
      expect([path, (await withKey(sender.key, method, path, body)).status]).toEqual([path, 403]);
  });

  it('a key for some agents reaches no other, and no list of all', async () => {
    const key = await ownerKey({ name: 'dev', actions: ['read', 'send'], agents: ['dev-*'] });
    const message = await world.ask('hello');
    for (const path of ['/api/agents/operator', '/api/runs', '/api/approvals', `/api/runs?agentId=operator`])
      expect([path, (await withKey(key.key, 'GET', path)).status]).toEqual([path, 403]);
    expect((await withKey(key.key, 'GET', `/api/runs/${message.runId}`)).status).toBe(404);
    expect((await withKey(key.key, 'GET', '/api/runs?agentId=dev-1')).status).toBe(200);
    expect((await withKey(key.key, 'POST', '/api/sessions', { agentId: 'operator' })).status).toBe(403);
  });

  it('a key sees no more than its person, and ends with them', async () => {
    const made = await ada.json<MadeKey>('POST', '/api/keys', { name: 'mine', actions: ['read', 'send', 'manage'] });
    const others = await world.ask('of the owner');
    expect((await withKey(made.key, 'GET', `/api/runs/${others.runId}`)).status).toBe(404);
    expect((await withKey(made.key, 'POST', '/api/agents', { id: 'evil' })).status).toBe(403);
    const own = JSON.parse(
      (await withKey(made.key, 'POST', '/api/agents/operator/messages', { text: 'x' })).text,
    ) as MessageView;
    expect((await ada.call('GET', `/api/messages/${own.id}`)).status).toBe(200);
    const target = { socketPath: world.home.hostSocket };
    const eve = await addTenant(world, 'Eve');
    const hers = await eve.json<MadeKey>('POST', '/api/keys', { name: 'hers' });
    const stream = await eve.stream();
    await request(target, { method: 'DELETE', path: `/api/people/${eve.id}` });
    expect(await stream.closed).toBe(1008);
    expect((await withKey(hers.key, 'GET', '/api/runs')).status).toBe(401);
    expect((await eve.call('GET', '/api/runs')).status).toBe(401);
  });

  it('an invitation is good once, and an admin makes no admins', async () => {
    const adam = await addTenant(world, 'Adam', 'admin');
    expect((await adam.call('POST', '/api/people', { name: 'Ann', role: 'admin' })).status).toBe(403);
    expect((await adam.call('POST', '/api/people/owner/invitations')).status).toBe(403);
    const { url } = await adam.json<{ url: string }>('POST', `/api/people/${ada.id}/invitations`);
    expect((await fetch(url)).status).toBe(200);
    expect((await fetch(url)).status).toBe(410);
  });

  it('a second factor stands between the link and the login', async () => {
    const { secret } = await ada.json<{ secret: string }>('POST', '/api/second-factor');
    const key = fromBase32(secret);
    const code = (steps: number): string => totpCode(key, totpStep(Date.now()) + steps);
    expect((await ada.call('POST', '/api/second-factor/confirm', { code: code(0) })).status).toBe(200);
    const target = { socketPath: world.home.hostSocket };
    const invited = await request(target, { method: 'POST', path: `/api/people/${ada.id}/invitations` });
    const { url } = JSON.parse(invited.toString()) as { url: string };
    const opened = await fetch(url);
    expect(await opened.text()).toContain('Your second factor');
    const cookie = opened.headers.get('set-cookie')?.split(';')[0] ?? '';
    const base = world.host.api.url;
    const session = () => fetch(`${base}/api/session`, { headers: { cookie } });
    const give = (given: string, headers: Record<string, string> = { origin: base }) =>
      fetch(`${base}/login/code`, {
        method: 'POST',
        headers: { cookie, ...headers },
        body: new URLSearchParams({ code: given }),
      });
    expect((await session()).status).toBe(401);
    expect((await give('000000')).status).toBe(401);
    expect((await give(code(1), {})).status).toBe(401);
    expect((await give(code(1), { origin: 'https://evil.example' })).status).toBe(403);
    expect((await session()).status).toBe(401);
    expect((await give(code(1))).status).toBe(200);
    expect((await session()).status).toBe(200);
  });

  it('an owner’s browser is asked for none of it', async () => {
    const { url } = await world.host.api.createLoginLink();
    const owner = await openBrowser(world, { id: 'owner', name: 'owner', url });
    expect((await owner.call('GET', '/api/people')).text).toContain('Ada');
  });
});

function fromBase32(text: string): Buffer {
  const bits = [...text]
    .map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0'))
    .join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
