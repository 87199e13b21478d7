/** The wall against inside addresses, for everything that carries a credential: each way in, each way to write an address. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createServiceWorld, type ServiceWorld } from '../../testing/service-world.ts';
import { startUpstream, type Upstream } from '../../testing/upstream.ts';

/** What a name may lead to, and must not. */
const INSIDE: readonly (readonly [string, string])[] = [
  ['loopback', '127.0.0.1'],
  ['loopback of IPv6', '::1'],
  ['private', '10.1.2.3'],
  ['private', '172.16.5.4'],
  ['private', '192.168.0.10'],
  ['unique local', 'fd12:3456::1'],
  ['carrier-grade NAT', '100.64.1.1'],
  ['link-local', '169.254.10.10'],
  ['link-local of IPv6', 'fe80::1'],
  ['cloud metadata', '169.254.169.254'],
  ['cloud metadata of IPv6', 'fd00:ec2::254'],
  ['multicast', '224.0.0.251'],
  ['multicast of IPv6', 'ff02::fb'],
  ['unspecified', '0.0.0.0'],
  ['unspecified of IPv6', '::'],
  ['broadcast', '255.255.255.255'],
  ['IPv4-mapped', '::ffff:10.0.0.1'],
  ['IPv4-mapped, in hexadecimal', '::ffff:a00:1'],
  ['IPv4-compatible', '::10.0.0.1'],
  ['IPv4-translated', '::ffff:0:a00:1'],
  ['6to4', '2002:a00:1::'],
  ['Teredo', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
  ['NAT64', '64:ff9b::a00:1'],
  ['NAT64 of a network of its own', '64:ff9b:1::a00:1'],
];

/** Ways to write 127.0.0.1 and 10.0.0.1 that some parser somewhere takes. */
const SPELLINGS = [
  'http://2130706433/',
  'http://0x7f000001/',
  'http://0177.0.0.1/',
  'http://0x7f.1/',
  'http://127.1/',
  'http://127.0.1/',
  'http://0/',
  'http://１２７.０.０.１/',
  'http://①②⑦.0.0.1/',
  'http://127。0。0。1/',
  'http://10.0.0.1./',
  'http://[::ffff:127.0.0.1]/',
  'http://[::ffff:7f00:1]/',
  'http://[0:0:0:0:0:ffff:10.0.0.1]/',
  'http://[::1]/',
  'http://[2002:7f00:1::]/',
  'http://[64:ff9b::7f00:1]/',
  'http://[fe80::1]/',
];

let world: ServiceWorld;
let upstream: Upstream;

beforeEach(async () => {
  world = await createServiceWorld();
  upstream = await startUpstream((seen, response) =>
    seen.url === '/token'
      ? void response.end(JSON.stringify({ access_token: 'access-token-1', expires_in: 3_600 }))
      : void response.end('inside'),
  );
});
afterEach(async () => {
  await upstream[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const refusedForItsAddress = {
  code: 'egress.denied',
  message: expect.stringContaining('not a public internet address'),
};

describe('a service whose name leads inside', () => {
  it.each(INSIDE)('is not asked: %s, %s', async (_kind, address) => {
    await world.credential('acme', 'value', { value: 'canary-0123456789' });
    await world.service('acme', { baseUrl: `http://inside.test:${upstream.port}` });
    world.names['inside.test'] = [address];
    expect(await world.ask({ service: 'acme', url: '/' })).toMatchObject(refusedForItsAddress);
    world.names['inside.test'] = ['93.184.216.34', address];
    expect(await world.ask({ service: 'acme', url: '/' })).toMatchObject(refusedForItsAddress);
    expect(upstream.requests).toEqual([]);
  });

  it.each(SPELLINGS)('is not asked however its address is written: %s', async (url) => {
    await world.allow(...['127.0.0.1', '10.0.0.1'].map((host) => `http://${host}`));
    const asked = await world.ask({ url });
    expect([asked.status, asked.code]).toEqual([403, 'egress.denied']);
    expect(world.resolved).toEqual([]);
  });

  it('is asked where the owner opened that very host and port for that very agent', async () => {
    await world.credential('acme', 'value', { value: 'canary-0123456789' });
    await world.service('acme', { baseUrl: `http://inside.test:${upstream.port}` });
    world.names['inside.test'] = ['127.0.0.1'];
    await world.except('inside.test', upstream.port + 1);
    await world.except('127.0.0.1', upstream.port);
    expect(await world.ask({ service: 'acme', url: '/' })).toMatchObject(refusedForItsAddress);
    await world.vault.owner.putExceptions('other', { hosts: [{ host: 'inside.test', port: upstream.port }] });
    expect(await world.ask({ service: 'acme', url: '/' })).toMatchObject(refusedForItsAddress);
    await world.except('inside.test', upstream.port);
    expect((await world.ask({ service: 'acme', url: '/' })).text).toBe('inside');
  });
});

describe('a name that is moved inside after it was looked at', () => {
  it('gains nothing: it is looked up once for each connection, and the connection goes there', async () => {
    const answers = [['127.0.0.1'], ['10.0.0.1'], ['10.0.0.1']];
    Object.defineProperty(world.names, 'moving.test', { get: () => answers.shift(), enumerable: true });
    await world.credential('acme', 'value', { value: 'canary-0123456789' });
    await world.service('acme', { baseUrl: `http://moving.test:${upstream.port}` });
    await world.except('moving.test', upstream.port);
    expect((await world.ask({ service: 'acme', url: '/' })).text).toBe('inside');
    expect(world.resolved.filter((host) => host === 'moving.test').length).toBe(1);
  });

  it('is refused at the hop where it moved', async () => {
    const first = await startUpstream(
      (_seen, response) => void response.writeHead(302, { location: `http://moving.test:${upstream.port}/` }).end(),
    );
    await world.credential('acme', 'value', { value: 'canary-0123456789' });
    await world.service('acme', { baseUrl: first.url });
    await world.except('127.0.0.1', first.port);
    await world.allow(`http://moving.test:${upstream.port}`);
    world.names['moving.test'] = ['127.0.0.1'];
    expect(await world.ask({ service: 'acme', url: '/' })).toMatchObject(refusedForItsAddress);
    expect(upstream.requests).toEqual([]);
    await first[Symbol.asyncDispose]();
  });
});

describe('what the vault asks on its own', () => {
  it.each(INSIDE.slice(0, 12))('gets no token from inside: %s, %s', async (_kind, address) => {
    const parts = {
      client_id: 'c',
      client_secret: 'secret-0123456789',
      token_url: `http://tokens.test:${upstream.port}/token`,
    };
    await world.credential('acme', 'oauth2', parts);
    await world.service('acme', { baseUrl: `http://127.0.0.1:${upstream.port}` });
    await world.except('127.0.0.1', upstream.port);
    world.names['tokens.test'] = [address];
    const asked = await world.ask({ service: 'acme', url: '/' });
    expect(asked.code).toBe('egress.denied');
    expect(upstream.requests).toEqual([]);
    expect(asked.text).not.toContain('secret-0123456789');
  });
});
