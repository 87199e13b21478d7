import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGateway, type Gateway, type RawReply } from './gateway.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

let gateway: Gateway;
beforeAll(async () => {
  gateway = await createGateway();
});
afterAll(() => gateway[Symbol.asyncDispose]());

async function newLink(): Promise<string> {
  const { url } = await gateway.api.createLoginLink();
  expect(url.startsWith(`${gateway.api.url}/login?token=`)).toBe(true);
  return url.slice(gateway.api.url.length);
}

function cookieIn(reply: RawReply): string {
  return reply.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
}

describe('signing in with a one-time link', () => {
  it('sets a cookie that scripts cannot read and other sites cannot send', async () => {
    const reply = await gateway.fetch(await newLink());
    expect(reply.status).toBe(200);
    expect(reply.headers['set-cookie']?.[0]).toMatch(
      /^holdfast_session=[\w-]{43}; Path=\/; Max-Age=7776000; HttpOnly; SameSite=Strict$/,
    );
    expect(reply.text).toContain('http-equiv="refresh"');
    expect(reply.headers['cache-control']).toBe('no-store');
    const session = await gateway.fetch('/api/session', { headers: { cookie: cookieIn(reply) } });
    expect(session.json()).toMatchObject({ principal: { id: 'owner', surface: 'web' }, csrf: expect.any(String) });
  });

  it('works once, also when two browsers come at the same moment', async () => {
    const link = await newLink();
    const replies = await Promise.all([gateway.fetch(link), gateway.fetch(link), gateway.fetch(link)]);
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 410, 410]);
    const refused = replies.find(({ status }) => status === 410);
    expect(refused?.text).toContain('This link was used already');
    expect(refused?.text).toContain('holdfast dashboard');
    expect(refused?.headers['set-cookie']).toBeUndefined();
  });

  it('is good for 15 minutes', async () => {
    const link = await newLink();
    gateway.clock.forwardMs += 15 * MINUTE_MS;
    const reply = await gateway.fetch(link);
    expect(reply.status).toBe(410);
    expect(reply.text).toContain('This link has expired');
  });

  it.each([
    ['a HEAD request', { method: 'HEAD' }, 403],
    ['an image tag', { headers: { 'sec-fetch-dest': 'image', 'sec-fetch-site': 'cross-site' } }, 403],
    ['an iframe', { headers: { 'sec-fetch-dest': 'iframe', 'sec-fetch-mode': 'navigate' } }, 403],
    ['a prefetch', { headers: { 'sec-purpose': 'prefetch' } }, 403],
  ])('is not used up by %s', async (_what, options, status) => {
    const link = await newLink();
    expect((await gateway.fetch(link, options)).status).toBe(status);
    expect((await gateway.fetch(link)).status).toBe(200);
  });

  it('may be opened from a chat in the browser', async () => {
    const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    expect((await gateway.fetch(await newLink(), { headers })).status).toBe(200);
  });

  it('stops looking after ten failures in a minute', async () => {
    gateway.clock.forwardMs += MINUTE_MS;
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 12; attempt += 1) {
      statuses.push((await gateway.fetch(`/login?token=guess-${attempt}`)).status);
    }
    expect(statuses).toEqual([...Array(10).fill(401), 429, 429]);
    const link = await newLink();
    const limited = await gateway.fetch(link);
    expect(limited.status).toBe(429);
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0);
    gateway.clock.forwardMs += MINUTE_MS;
    expect((await gateway.fetch(link)).status).toBe(200);
  });

  it('never repeats what was asked', async () => {
    const reply = await gateway.fetch(`/login?token=${encodeURIComponent('"><script>alert(1)</script>')}`);
    expect(reply.text).not.toContain('alert');
    gateway.clock.forwardMs += MINUTE_MS;
  });
});

describe('a login', () => {
  it('lasts 30 days without use and at most 90', async () => {
    const { cookie } = await gateway.browser();
    const status = async () => (await gateway.fetch('/api/status', { headers: { cookie } })).status;
    for (let day = 0; day < 87; day += 29) {
      gateway.clock.forwardMs += 29 * DAY_MS;
      expect(await status()).toBe(200);
    }
    gateway.clock.forwardMs += 4 * DAY_MS;
    expect(await status()).toBe(401);
    const idle = await gateway.browser();
    gateway.clock.forwardMs += 30 * DAY_MS;
    expect((await gateway.fetch('/api/status', { headers: { cookie: idle.cookie } })).status).toBe(401);
  });

  it('ends with logout', async () => {
    const { headers } = await gateway.browser();
    const reply = await gateway.fetch('/api/logout', { method: 'POST', headers });
    expect(reply.status).toBe(200);
    expect(reply.headers['set-cookie']?.[0]).toContain('holdfast_session=; Path=/; Max-Age=0');
    expect((await gateway.fetch('/api/status', { headers: { cookie: headers.cookie ?? '' } })).status).toBe(401);
  });

  it('is Secure behind an https address, which counts as ours', async () => {
    await using remote = await createGateway({ server: { publicUrl: 'https://agents.example.org' } });
    const link = await remote.api.createLoginLink();
    expect(link.url).toMatch(/^https:\/\/agents\.example\.org\/login\?token=/);
    const path = link.url.slice('https://agents.example.org'.length);
    const reply = await remote.fetch(path, { headers: { host: 'agents.example.org' } });
    expect(reply.headers['set-cookie']?.[0]).toMatch(/; Secure$/);
    const headers = { cookie: cookieIn(reply), host: 'agents.example.org' };
    const session = JSON.parse((await remote.fetch('/api/session', { headers })).text);
    const change = (origin: string) =>
      remote.fetch('/api/sessions', {
        method: 'POST',
        body: '{"agentId":"operator"}',
        headers: { ...headers, origin, 'x-holdfast-csrf': session.csrf },
      });
    expect((await change('https://agents.example.org')).status).toBe(200);
    expect((await change('https://evil.example.org')).status).toBe(403);
  });
});

describe('bearer tokens', () => {
  it('are shown once, work, are listed without their secret, and end when revoked', async () => {
    const { headers } = await gateway.browser();
    const made = await gateway.fetch('/api/tokens', { method: 'POST', headers, body: '{"note":"backup"}' });
    const { id, token } = JSON.parse(made.text);
    expect(token).toMatch(/^hf_[\w-]{43}$/);
    const use = () => gateway.fetch('/api/session', { headers: { authorization: `Bearer ${token}` } });
    expect((await use()).json()).toMatchObject({
      person: 'owner',
      role: 'owner',
      principal: { id, surface: 'token' },
      csrf: null,
      expiresAt: null,
    });
    const listed = await gateway.fetch('/api/tokens', { headers });
    expect(listed.text).not.toContain(token);
    expect(listed.json()).toContainEqual(
      expect.objectContaining({ id, note: 'backup', lastUsedAt: expect.any(Number) }),
    );
    expect((await gateway.fetch(`/api/tokens/${id}`, { method: 'DELETE', headers })).status).toBe(200);
    expect((await use()).status).toBe(401);
    expect((await gateway.fetch(`/api/tokens/${id}`, { method: 'DELETE', headers })).status).toBe(404);
  });

  it('cannot make what would outlive them', async () => {
    const { authorization } = await gateway.token();
    for (const path of ['/api/tokens', '/api/login-links']) {
      const reply = await gateway.fetch(path, { method: 'POST', body: '{}', headers: { authorization } });
      expect(reply.status, path).toBe(403);
    }
  });

  it('go on working for one program while another fails with an old one', async () => {
    const { authorization } = await gateway.token();
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 12; attempt += 1) {
      statuses.push((await gateway.fetch('/api/status', { headers: { authorization: 'Bearer hf_old' } })).status);
    }
    expect(statuses.slice(0, 9)).toEqual(Array(9).fill(401));
    expect(statuses.at(-1)).toBe(429);
    expect((await gateway.fetch('/api/status', { headers: { authorization } })).status).toBe(200);
  });

  it('are not in the log', async () => {
    const { authorization } = await gateway.token();
    await gateway.fetch('/api/status', { headers: { authorization } });
    await gateway.fetch(await newLink());
    expect(gateway.logs.join('')).not.toMatch(/hf_[\w-]{20}|token=|holdfast_session/);
  });
});

describe('a browser login', () => {
  it('cannot make login links', async () => {
    const { headers } = await gateway.browser();
    expect((await gateway.fetch('/api/login-links', { method: 'POST', headers })).status).toBe(403);
  });
});
