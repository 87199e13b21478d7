import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createServiceWorld, type ServiceWorld } from '../../testing/service-world.ts';
import { type Answer, startUpstream, type Upstream } from '../../testing/upstream.ts';

const KEY = 'sk-canary-0123456789abcdef';
let world: ServiceWorld;
let api: Upstream;
let other: Upstream;
let answer: Answer;

beforeEach(async () => {
  world = await createServiceWorld();
  answer = (_seen, response) => void response.end('hello');
  api = await startUpstream((seen, response) => answer(seen, response));
  other = await startUpstream((_seen, response) => void response.end('other'));
  for (const { port } of [api, other]) await world.except('127.0.0.1', port);
  await world.credential('acme', 'value', { value: KEY });
});
afterEach(async () => {
  await api[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const service = (change: object = {}) => world.service('acme', { baseUrl: `${api.url}/v1`, ...change });
const last = () => api.requests.at(-1);

describe('a service', () => {
  it.each([
    [{ kind: 'bearer' }, { authorization: `Bearer ${KEY}` }],
    [{ kind: 'header', name: 'X-Api-Key' }, { 'x-api-key': KEY }],
    [{ kind: 'header', name: 'Authorization', prefix: 'Token ' }, { authorization: `Token ${KEY}` }],
    [{ kind: 'basic', username: 'api' }, { authorization: `Basic ${Buffer.from(`api:${KEY}`).toString('base64')}` }],
  ])('puts its credential in as %j', async (placement, headers) => {
    await service({ placement });
    const asked = await world.ask({
      service: 'acme',
      url: '/search?q=1',
      headers: { Authorization: 'Bearer mine', 'x-api-key': 'mine', cookie: 'a=b' },
    });
    expect([asked.status, asked.text, asked.head?.service]).toEqual([200, 'hello', 'acme']);
    expect(last()).toMatchObject({ method: 'GET', url: '/v1/search?q=1', headers });
    expect(last()?.headers.cookie).toBeUndefined();
  });

  it('puts it in the query, over what the agent wrote there', async () => {
    await service({ placement: { kind: 'query', name: 'api_key' } });
    await world.ask({ service: 'acme', url: '/s?api_key=mine&a=b%20c' });
    expect(last()?.url).toBe(`/v1/s?a=b%20c&api_key=${KEY}`);
  });

  it('puts it into a JSON body and into a form', async () => {
    await service({ placement: { kind: 'body', name: 'auth.key' } });
    const json = { 'content-type': 'application/json' };
    await world.ask({
      service: 'acme',
      url: '/j',
      method: 'POST',
      headers: json,
      body: '{"a":1,"auth":{"key":"x","b":2}}',
    });
    expect(JSON.parse(last()?.body ?? '')).toEqual({ a: 1, auth: { key: KEY, b: 2 } });
    await service({ placement: { kind: 'body', name: 'key' } });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    await world.ask({ service: 'acme', url: '/f', method: 'POST', headers: form, body: 'a=1&key=x' });
    expect(last()?.body).toBe(`a=1&key=${KEY}`);
    const refused = await world.ask({ service: 'acme', url: '/x', method: 'POST', headers: json, body: '[1]' });
    expect([refused.code, refused.message]).toEqual([
      'egress.denied',
      expect.stringContaining('neither a JSON object nor a form'),
    ]);
  });

  it('is found by its address too, and serves only whom its credential was granted', async () => {
    await service();
    expect((await world.ask({ url: `${api.url}/v1/x` })).head?.service).toBe('acme');
    const stranger = await world.ask({ service: 'acme', url: '/x' }, 'stranger');
    expect([stranger.code, stranger.message]).toEqual([
      'egress.denied',
      expect.stringContaining('may use no credential'),
    ]);
    expect((await world.ask({ url: `${api.url}/v1/x` }, 'stranger')).code).toBe('egress.denied');
    expect(api.requests.length).toBe(1);
  });

  it('allows its methods and paths and no others', async () => {
    await service({ allow: ['GET /v1/read/*', 'POST,PUT /v1/write'] });
    const outcome = async (method: 'GET' | 'POST' | 'DELETE', url: string) =>
      (await world.ask({ service: 'acme', method, url, ...(method === 'GET' ? {} : { body: '' }) })).status;
    expect(await outcome('GET', '/read/1')).toBe(200);
    expect(await outcome('POST', '/write')).toBe(200);
    const refused: ['GET' | 'POST' | 'DELETE', string][] = [
      ['POST', '/read/1'],
      ['GET', '/write'],
      ['DELETE', '/write'],
      ['GET', '/'],
      ['GET', '/read/../write'],
      ['GET', '/read/%2e%2e/write'],
      ['GET', '/read/a%2f..%2f..%2fwrite'],
    ];
    for (const [method, url] of refused) expect([method, url, await outcome(method, url)]).toEqual([method, url, 403]);
    expect(api.requests.length).toBe(2);
  });

  it('without rules allows what is below its base URL', async () => {
    await service();
    expect((await world.ask({ url: `${api.url}/v1` })).status).toBe(200);
    expect((await world.ask({ url: `${api.url}/v2/x` })).message).toContain('does not allow GET /v2/x');
    expect((await world.ask({ service: 'acme', url: `${other.url}/v1/x` })).message).toContain('is not at 127.0.0.1');
  });

  it('is dropped on a redirect to another origin, with all that holds a handle', async () => {
    await service({ placement: { kind: 'header', name: 'X-Api-Key' } });
    answer = (_seen, response) => void response.writeHead(302, { location: `${other.url}/stolen` }).end();
    const stays = await world.ask({ service: 'acme', url: '/x' });
    expect([stays.head?.status, stays.head?.headers.location, other.requests.length]).toEqual([
      302,
      `${other.url}/stolen`,
      0,
    ]);
    await world.allow(`127.0.0.1:${other.port}`);
    const headers = { 'X-Other': '$CRED{acme}', 'X-Plain': 'p', Accept: 'text/plain' };
    const followed = await world.ask({ url: `${api.url}/v1/x`, headers });
    expect([followed.text, followed.head?.service]).toEqual(['other', null]);
    expect(last()?.headers).toMatchObject({ 'x-other': KEY, 'x-plain': 'p' });
    const seen = other.requests.at(-1)?.headers ?? {};
    expect(Object.keys(seen).sort()).toEqual(['accept', 'accept-encoding', 'connection', 'host', 'user-agent']);
    expect(JSON.stringify(other.requests)).not.toContain('canary');
  });

  it.each([307, 308])('sends no body on with a %i to another origin', async (status) => {
    await service();
    await world.allow(`127.0.0.1:${other.port}`);
    answer = (_seen, response) => void response.writeHead(status, { location: `${other.url}/x` }).end();
    const asked = await world.ask({ service: 'acme', url: '/x', method: 'POST', body: 'k=$CRED{acme}' });
    expect([asked.head?.status, other.requests.length]).toEqual([status, 0]);
    expect(last()?.body).toBe(`k=${KEY}`);
  });

  it('keeps its credential on a redirect within its origin, and takes no handle from a server', async () => {
    await service();
    answer = (seen, response) =>
      seen.url === '/v1/a'
        ? void response.writeHead(302, { location: '/v1/b?x=$CRED{acme}' }).end()
        : void response.end('b');
    const asked = await world.ask({ url: `${api.url}/v1/a` });
    expect(asked.text).toBe('b');
    expect(last()).toMatchObject({ url: '/v1/b?x=$CRED{acme}', headers: { authorization: `Bearer ${KEY}` } });
  });

  it('follows a redirect into the private network no further than the wall', async () => {
    await service();
    await world.allow('10.0.0.1', '169.254.169.254', 'rebound.test');
    world.names['rebound.test'] = ['192.168.1.1'];
    for (const location of [
      'http://10.0.0.1/',
      'http://169.254.169.254/latest/',
      'http://0x0a000001/',
      'http://rebound.test/',
    ]) {
      answer = (_seen, response) => void response.writeHead(302, { location }).end();
      const asked = await world.ask({ service: 'acme', url: '/x' });
      expect([location, asked.code, asked.message]).toEqual([
        location,
        'egress.denied',
        expect.stringContaining('not a public internet address'),
      ]);
    }
  });
});

describe('a handle', () => {
  beforeEach(() => service({ allow: ['/v1/*'] }));

  it('is replaced in a header, in the query and in a body, once', async () => {
    await world.credential('tricky', 'value', { value: 'a"b$CRED{acme}&c' }, [`http://127.0.0.1:${api.port}`]);
    const headers = { 'X-K': 'k $CRED{acme}', 'content-type': 'application/json' };
    const body = '{"k":"$CRED{tricky}"}';
    await world.ask({ url: `${api.url}/v1/x?k=$CRED{ACME}&j=1`, method: 'POST', headers, body });
    expect(last()).toMatchObject({ url: `/v1/x?k=${KEY}&j=1`, headers: { 'x-k': `k ${KEY}` } });
    expect(JSON.parse(last()?.body ?? '')).toEqual({ k: 'a"b$CRED{acme}&c' });
    expect(last()?.headers.authorization).toBeUndefined();
  });

  it('is never replaced for a place that it is not bound to, even one that is allowed', async () => {
    await world.allow(`127.0.0.1:${other.port}`);
    for (const request of [
      { url: `${other.url}/?k=$CRED{acme}` },
      { url: `${other.url}/`, headers: { 'x-k': '$CRED{acme}' } },
      { url: `${other.url}/`, method: 'POST' as const, body: '$CRED{acme}' },
      { url: `${api.url}/v2/`, headers: { 'x-k': '$CRED{acme}' } },
      { url: `${api.url}/v1/$CRED{acme}` },
      { url: `${api.url}/v1/%24CRED%7Bacme%7D` },
    ]) {
      const asked = await world.ask(request);
      expect([request.url, asked.code]).toEqual([request.url, 'egress.denied']);
    }
    expect([other.requests.length, api.requests.length]).toEqual([0, 0]);
  });

  it('says the same of a credential that is not there and of one that is not granted', async () => {
    await world.owner('POST', '/credentials/hidden', { facts: { kind: 'value' }, parts: { value: 'hidden-value-1' } });
    const wanted = (name: string) => world.ask({ url: `${api.url}/v1/`, headers: { 'x-k': `$CRED{${name}}` } });
    const [hidden, absent] = [await wanted('hidden'), await wanted('absent')];
    expect(hidden.message.replace('hidden', 'absent')).toBe(absent.message);
    expect((await wanted('provider.openai')).code).toBe('egress.denied');
  });
});

describe('what comes back', () => {
  it('carries no key, in whatever packing, header or cut', async () => {
    await service();
    const basic = Buffer.from(`x:${KEY}`).toString('base64');
    answer = (_seen, response) => {
      response.writeHead(200, { 'x-echo': `Bearer ${KEY}`, 'content-encoding': 'gzip', 'set-cookie': 'a=b' });
      response.end(gzipSync(`you sent ${KEY} and ${basic}`));
    };
    const asked = await world.ask({ service: 'acme', url: '/echo' });
    expect(asked.text).toContain('you sent [secret]');
    expect(JSON.stringify([asked.head, asked.text])).not.toContain(KEY);
    expect(asked.head?.headers['set-cookie']).toBeUndefined();
    expect(asked.head?.redacted).toBeGreaterThanOrEqual(2);
    answer = (_seen, response) => {
      response.write(KEY.slice(0, 9));
      setImmediate(() => response.end(KEY.slice(9)));
    };
    expect((await world.ask({ service: 'acme', url: '/cut' })).text).toBe('[secret]');
  });

  it('carries no Basic pair either', async () => {
    await service({ placement: { kind: 'basic', username: 'someone' } });
    answer = (seen, response) => void response.end(seen.headers.authorization);
    expect((await world.ask({ service: 'acme', url: '/echo' })).text).toBe('Basic [secret]');
  });

  it('is refused when nobody can look into it, and bombs stop at the limit', async () => {
    await service();
    answer = (_seen, response) => void response.writeHead(200, { 'content-encoding': 'aes128gcm' }).end('?');
    expect((await world.ask({ service: 'acme', url: '/x' })).code).toBe('egress.denied');
    answer = (_seen, response) =>
      void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(20_000_000)));
    const bomb = await world.ask({ service: 'acme', url: '/x', maxBytes: 1_000 });
    expect([bomb.body.length, bomb.head?.truncated]).toEqual([1_000, true]);
  });
});

describe('a request without a service', () => {
  it('goes only where the owner allowed it, by host, method and path', async () => {
    expect((await world.ask({ url: `${api.url}/` })).message).toContain('neither a service nor an allowed place');
    await world.allow(`GET@http://127.0.0.1:${api.port}/open/*`);
    expect((await world.ask({ url: `${api.url}/open/x` })).text).toBe('hello');
    expect((await world.ask({ url: `${api.url}/shut` })).code).toBe('egress.denied');
    expect((await world.ask({ url: `${api.url}/open/x`, method: 'POST', body: 'x' })).code).toBe('egress.denied');
  });

  it('is not sent with a value of the vault in it, nor by a frozen agent', async () => {
    await service();
    const leak = await world.ask({ service: 'acme', url: '/x', method: 'POST', body: `x ${KEY}` });
    expect([leak.code, leak.message]).toEqual(['egress.denied', expect.stringContaining('contains a secret')]);
    await world.vault.host('/freeze', { method: 'PUT', body: JSON.stringify({ agent: world.agent, reason: 'mad' }) });
    expect((await world.ask({ service: 'acme', url: '/x' })).code).toBe('vault.frozen');
    expect(api.requests.length).toBe(0);
  });

  it.each([
    [{ url: 'ftp://example.org/' }, 'egress.denied'],
    [{ url: 'nonsense' }, 'bad-request'],
    [{ url: 'http://user:pass@example.org/' }, 'egress.denied'],
    [{ url: 'http://example.org/', headers: { 'a b': 'c' } }, 'bad-request'],
    [{ url: 'http://example.org/', headers: { a: 'b\r\nHost: evil' } }, 'bad-request'],
    [{ url: 'http://example.org/', method: 'TRACE' }, 'bad-request'],
    [{ url: '/x', service: 'nowhere' }, 'not-found'],
  ])('is refused when it is %j', async (request, code) => {
    expect((await world.ask(Object(request))).code).toBe(code);
  });
});

describe('the owner', () => {
  it('alone sets services, and the host sees what an agent may use', async () => {
    await service();
    const put = await world.vault.host('/services/acme', { method: 'PUT', body: '{}' });
    expect(put.status).toBe(403);
    expect((await world.vault.host('/services')).status).toBe(403);
    const offers = JSON.parse((await world.vault.host(`/agent-services/${world.agent}`)).text);
    expect(offers.services).toEqual([
      { name: 'acme', kind: 'http', address: `${api.url}/v1`, handle: '$CRED{acme}', allow: [] },
    ]);
    expect(JSON.parse((await world.vault.host('/agent-services/stranger')).text).services).toEqual([]);
    expect((await world.owner('GET', '/services')).json).toMatchObject({
      services: [{ name: 'acme', hasCredential: true }],
    });
  });

  it.each([
    [{ baseUrl: 'file:///etc' }, 'baseUrl'],
    [{ baseUrl: 'https://u:p@example.org' }, 'leave out user'],
    [{ baseUrl: 'https://example.org?x=1' }, 'leave out user'],
    [{ baseUrl: 'https://example.org', allow: ['GET /a/../b'] }, 'path must be plain'],
    [{ baseUrl: 'https://example.org', allow: ['get /a'] }, 'is not like'],
    [{ baseUrl: 'https://example.org', placement: { kind: 'header', name: 'Host' } }, 'frames the request'],
    [{ baseUrl: 'https://example.org', alsoHosts: ['GET@http://example.org/x'] }, 'give a host'],
    [{ baseUrl: 'https://example.org', credential: 'provider.openai' }, 'system tier'],
    [{ baseUrl: 'https://example.org', colour: 'red' }, 'colour'],
  ])('is told what is wrong with %j', async (setting, words) => {
    const answered = await world.owner('PUT', '/services/x', setting);
    expect([answered.status, answered.text]).toEqual([400, expect.stringContaining(words)]);
  });

  it('finds services again after a restart, and what was removed is gone', async () => {
    await service();
    await world.vault.restart();
    expect((await world.ask({ service: 'acme', url: '/x' })).text).toBe('hello');
    expect((await world.owner('DELETE', '/services/acme')).status).toBe(204);
    expect((await world.ask({ service: 'acme', url: '/x' })).code).toBe('not-found');
  });
});
