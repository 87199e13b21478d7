import { DatabaseSync } from 'node:sqlite';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FetchHead } from '../../protocol/vault-api.ts';
import { type Answer, startUpstream, type Upstream } from '../../testing/upstream.ts';
import { createVaultWorld, type VaultWorld } from '../../testing/vault-world.ts';
import type { ResolveAll } from './pinned-connector.ts';

let world: VaultWorld;
let upstream: Upstream;
let answer: Answer;
let resolved: string[];
let names: Record<string, string[]>;

const resolveAll: ResolveAll = async (host) => {
  resolved.push(host);
  const addresses = names[host];
  if (!addresses) throw Object.assign(new Error(`no such name ${host}`), { code: 'ENOTFOUND' });
  return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
};

beforeEach(async () => {
  resolved = [];
  names = {};
  answer = (_seen, response) => void response.end('hello');
  upstream = await startUpstream((seen, response) => answer(seen, response));
  world = await createVaultWorld({ resolveAll });
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

async function get(
  url: string,
  options: object = {},
): Promise<{ status: number; text: string; body: Buffer; head: FetchHead | undefined; code: string }> {
  const body = JSON.stringify({ agent: 'tester', url, ...options });
  const got = await world.host('/fetch', { method: 'POST', body });
  const head = got.headers['x-holdfast-fetch'];
  const parsed =
    typeof head === 'string' ? FetchHead.parse(JSON.parse(Buffer.from(head, 'base64url').toString())) : undefined;
  return {
    status: got.status,
    text: got.text,
    body: got.body,
    head: parsed,
    code: got.status === 200 ? 'ok' : JSON.parse(got.text).code,
  };
}

const allow = (host = '127.0.0.1', port = upstream.port): Promise<void> =>
  world.owner.putExceptions('tester', { hosts: [{ host, port }] });

describe('the SSRF wall', () => {
  it.each([
    'http://127.0.0.1:PORT/',
    'http://127.1:PORT/',
    'http://2130706433:PORT/',
    'http://0x7f000001:PORT/',
    'http://0177.0.0.1:PORT/',
    'http://0:PORT/',
    'http://①②⑦.⓪.⓪.①:PORT/',
    'http://[::1]:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    'http://[::ffff:7f00:1]:PORT/',
    'http://[64:ff9b::7f00:1]:PORT/',
    'http://[2002:7f00:1::]:PORT/',
    'http://169.254.169.254/latest/meta-data/',
    'http://127.0.0.1.:PORT/',
    'http://user:pass@127.0.0.1:PORT/',
    'http://user@example.org/',
    'file:///etc/passwd',
    'ftp://example.org/',
    'gopher://example.org/',
    'javascript:alert(1)',
    'data:text/plain,x',
  ])('refuses %s', async (url) => {
    const got = await get(url.replace('PORT', String(upstream.port)));
    expect([got.status, got.code]).toEqual([403, 'egress.denied']);
    expect(upstream.requests.length).toBe(0);
  });

  it.each(['', 'no address', 'http://', 'http://[fe80::1%25eth0]/', '//example.org'])(
    'refuses the non-address %j',
    async (url) => {
      expect((await get(url)).code).toBe('bad-request');
    },
  );

  it('refuses a name with any private answer', async () => {
    names['mixed.example'] = ['93.184.216.34', '10.0.0.1'];
    names['inside.example'] = ['127.0.0.1'];
    names.localhost = ['127.0.0.1'];
    for (const host of ['mixed.example', 'inside.example', 'localhost']) {
      expect([host, (await get(`http://${host}:${upstream.port}/`)).code]).toEqual([host, 'egress.denied']);
    }
    expect(upstream.requests.length).toBe(0);
  });

  it('says that a name does not exist', async () => {
    const got = await get('http://nowhere.example/');
    expect(got.code).toBe('tool.failed');
    expect(got.text).toContain('ENOTFOUND');
  });

  it('lets an agent reach what its owner opened, and nobody else, and no other port', async () => {
    await allow();
    expect((await get(`${upstream.url}/page`)).text).toBe('hello');
    expect((await get(`${upstream.url}/page`, { agent: 'other' })).code).toBe('egress.denied');
    await allow('127.0.0.1', upstream.port === 1 ? 2 : 1);
    expect((await get(`${upstream.url}/page`)).code).toBe('egress.denied');
    await allow('Tests.Example.');
    names['tests.example'] = ['127.0.0.1'];
    expect((await get(`http://tests.example:${upstream.port}/`)).text).toBe('hello');
    expect((await get(`${upstream.url}/page`)).code).toBe('egress.denied');
  });

  it('checks every hop of a redirect', async () => {
    await allow();
    await using inner = await startUpstream((_seen, response) => void response.end('secret inside'));
    answer = (seen, response) =>
      void response.writeHead(302, { location: seen.url === '/in' ? inner.url : '/final' }).end();
    expect((await get(`${upstream.url}/in`)).code).toBe('egress.denied');
    expect(inner.requests.length).toBe(0);
    answer = (_seen, response) => void response.writeHead(302, { location: 'file:///etc/passwd' }).end();
    expect((await get(`${upstream.url}/file`)).code).toBe('egress.denied');
    answer = (seen, response) => {
      if (seen.url === '/final') response.end('arrived');
      else response.writeHead(307, { location: '/final' }).end();
    };
    const got = await get(`${upstream.url}/start`);
    expect([got.text, got.head?.finalUrl]).toEqual(['arrived', `${upstream.url}/final`]);
  });

  it('goes on to no host that the agent may not reach, and connects to none', async () => {
    names = { 'good.example': ['127.0.0.1'], 'bad.example': ['127.0.0.1'] };
    const exceptions = ['good.example', 'bad.example'].map((host) => ({ host, port: upstream.port }));
    await world.owner.putExceptions('tester', { hosts: exceptions });
    answer = (seen, response) => {
      if (seen.url === '/final') response.end('arrived');
      else response.writeHead(302, { location: `http://bad.example:${upstream.port}/final` }).end();
    };
    const start = `http://good.example:${upstream.port}/start`;
    const reach = async (hosts: object | undefined) => (await get(start, hosts === undefined ? {} : { hosts })).code;
    expect(await reach(undefined)).toBe('ok');
    const seen = upstream.requests.length;
    expect(await reach({ allow: ['good.*'], deny: [] })).toBe('egress.denied');
    expect(await reach({ allow: null, deny: ['*.example'] })).toBe('egress.denied');
    expect(await reach({ allow: null, deny: ['bad.example'] })).toBe('egress.denied');
    expect(upstream.requests.length - seen).toBe(2);
    expect(await reach({ allow: ['*.example'], deny: ['worse.example'] })).toBe('ok');
  });

  it('stops at the sixth redirect', async () => {
    await allow();
    answer = (seen, response) => {
      const step = Number(seen.url.slice(1));
      if (step === 5) response.end('five are fine');
      else response.writeHead(302, { location: `/${step + 1}` }).end();
    };
    expect((await get(`${upstream.url}/0`)).text).toBe('five are fine');
    answer = (seen, response) => void response.writeHead(302, { location: `/${Number(seen.url.slice(1)) + 1}` }).end();
    const got = await get(`${upstream.url}/0`);
    expect(got.code).toBe('egress.denied');
    expect(got.text).toContain('redirects');
  });

  it('resolves a name once per hop and connects to what was checked', async () => {
    await allow('once.example');
    names['once.example'] = ['127.0.0.1'];
    await get(`http://once.example:${upstream.port}/`);
    expect(resolved).toEqual(['once.example']);
    expect(upstream.requests[0]?.headers.host).toBe(`once.example:${upstream.port}`);
  });
});

describe('web fetch', () => {
  beforeEach(() => allow());

  it('gives status, type and bytes as they are', async () => {
    answer = (_seen, response) =>
      void response.writeHead(404, { 'content-type': 'text/plain; charset=x' }).end(Buffer.from([0, 255, 1]));
    const got = await get(`${upstream.url}/x?q=1#part`);
    expect(got.head).toMatchObject({ status: 404, contentType: 'text/plain; charset=x', truncated: false });
    expect([...got.body]).toEqual([0, 255, 1]);
    expect(upstream.requests[0]).toMatchObject({ method: 'GET', url: '/x?q=1' });
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ] as const)('unpacks %s, and stops a bomb at the limit', async (encoding, pack) => {
    answer = (_seen, response) =>
      void response.writeHead(200, { 'content-encoding': encoding }).end(pack(Buffer.from('packed text')));
    expect((await get(`${upstream.url}/`)).text).toBe('packed text');
    const bomb = pack(Buffer.alloc(50_000_000));
    answer = (_seen, response) => void response.writeHead(200, { 'content-encoding': encoding }).end(bomb);
    const got = await get(`${upstream.url}/`, { maxBytes: 10_000 });
    expect([got.body.length, got.head?.truncated]).toEqual([10_000, true]);
  });

  it('cuts an endless answer and keeps what fits exactly', async () => {
    answer = (_seen, response) => {
      const more = (): void => {
        while (response.write(Buffer.alloc(16_384, 'x')));
        response.once('drain', more);
      };
      more();
    };
    const got = await get(`${upstream.url}/`, { maxBytes: 100_000 });
    expect([got.body.length, got.head?.truncated]).toEqual([100_000, true]);
    answer = (_seen, response) => void response.end(Buffer.alloc(100_000));
    expect((await get(`${upstream.url}/`, { maxBytes: 100_000 })).head?.truncated).toBe(false);
  });

  it('gives up in time, on packed garbage and on unknown packing', async () => {
    answer = () => {};
    expect((await get(`${upstream.url}/`, { timeoutMs: 200 })).code).toBe('timeout');
    answer = (_seen, response) => void response.write('a little');
    expect((await get(`${upstream.url}/`, { timeoutMs: 300 })).code).toBe('timeout');
    answer = (_seen, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip');
    expect((await get(`${upstream.url}/`)).code).toBe('tool.failed');
    answer = (_seen, response) => void response.writeHead(200, { 'content-encoding': 'zstd-x' }).end('?');
    expect((await get(`${upstream.url}/`)).code).toBe('egress.denied');
  });

  it('lets no known secret in or out', async () => {
    await world.owner.putSecret('k', Buffer.from('a-known-secret-value'));
    answer = (_seen, response) => void response.end('it is a-known-secret-value!');
    expect((await get(`${upstream.url}/`)).text).toBe('it is [secret]!');
    expect((await get(`${upstream.url}/?x=a-known-secret-value`)).code).toBe('egress.denied');
    expect(upstream.requests.length).toBe(1);
  });

  it('keeps one row per fetch, refused ones too, without secrets', async () => {
    await world.owner.putSecret('k', Buffer.from('a-known-secret-value'));
    await get(`${upstream.url}/`, { run: 'run_1' });
    await get('http://10.0.0.1/');
    await get(`${upstream.url}/?x=a-known-secret-value`);
    await world.vault[Symbol.asyncDispose]();
    const database = new DatabaseSync(world.home.vaultDatabase);
    const rows = database.prepare('SELECT agent, run, url, outcome, status, bytes FROM fetches ORDER BY id').all();
    database.close();
    expect(rows.map((row) => ({ ...row }))).toEqual([
      { agent: 'tester', run: 'run_1', url: `${upstream.url}/`, outcome: 'fetched', status: 200, bytes: 5 },
      { agent: 'tester', run: null, url: 'http://10.0.0.1/', outcome: 'egress.denied', status: null, bytes: 0 },
      {
        agent: 'tester',
        run: null,
        url: `${upstream.url}/?x=[secret]`,
        outcome: 'egress.denied',
        status: null,
        bytes: 0,
      },
    ]);
    await world.restart();
  });
});
