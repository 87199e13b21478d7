/** TLS that the vault looks into, at the proxy itself: what is judged, what is put in, what comes back. */

import { connect as http2Connect } from 'node:http2';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { connect as netConnect, type Socket } from 'node:net';
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { EgressDoor } from '../../src/protocol/egress.ts';
import { hostRequest } from '../../src/testing/vault-world.ts';
import { closeAll, createEgressWorld, type EgressWorld, listen, makeCertificate } from './egress-world.ts';

const KEY = 'sk-canary-0123456789abcdef';
let world: EgressWorld;
let tls: TlsServer;
let sockets: WebSocketServer;
let port: number;
let door: { socketPath: string; authority?: string | undefined };
let seen: { method: string; url: string; headers: Record<string, unknown>; body: string; alpn: unknown }[];
let reply: (request: { url?: string | undefined }, respond: import('node:http').ServerResponse) => void;
let originCertificate: string;
let run = 0;

beforeAll(async () => {
  world = await createEgressWorld();
  const { key, cert } = await makeCertificate(['api.test', 'other.test', 'open.test']);
  originCertificate = cert;
  tls = createTlsServer({ key, cert }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const alpn = (request.socket as TLSSocket).alpnProtocol;
      seen.push({ method, url, headers, body: Buffer.concat(chunks).toString('utf8'), alpn });
      reply(request, response);
    });
  });
  sockets = new WebSocketServer({ server: tls });
  sockets.on('connection', (socket, request) =>
    socket.on('message', (data) =>
      socket.send(String(data) === 'key' ? String(request.headers.authorization) : `echo ${String(data)}`),
    ),
  );
  port = await listen(tls);
  for (const name of ['api.test', 'other.test', 'open.test', 'bad.test']) {
    world.names[name] = ['127.0.0.1'];
    await world.except(name, port);
  }
  await owner('PUT', '/trusted-authorities/local', cert);
  await owner('POST', '/credentials/api', { facts: { kind: 'value', note: '', places: [] }, parts: { value: KEY } });
  await owner('PUT', `/credential-grants/${world.agent}/api`);
});
afterAll(async () => {
  sockets.close();
  await closeAll(tls);
  await world[Symbol.asyncDispose]();
});
beforeEach(async () => {
  seen = [];
  reply = (request, response) => void response.end(`tls ${request.url}`);
  await setUp();
});

async function owner(method: string, path: string, body?: object | string): Promise<void> {
  const text = typeof body === 'object' ? JSON.stringify(body) : body;
  const answer = await hostRequest(world.vault.home, path, {
    ...{ method, socketPath: world.vault.home.vaultOwnerSocket },
    ...(text === undefined ? {} : { body: text }),
  });
  if (answer.status >= 300) throw new Error(answer.text);
}

async function setUp({
  service = {},
  ...rules
}: {
  service?: object;
  allow?: string[];
  deny?: string[];
  limits?: object;
} = {}): Promise<void> {
  await owner('PUT', '/services/api', { baseUrl: `https://api.test:${port}`, ...service });
  await world.setRules({
    allow: [`api.test:${port}`, `other.test:${port}`, `open.test:${port}`, `bad.test:${port}`],
    intercept: [`api.test:${port}`, `other.test:${port}`, `bad.test:${port}`],
    ...rules,
  });
  run += 1;
  const body = JSON.stringify({ agent: world.agent, run: `run_${run}` });
  door = EgressDoor.parse(JSON.parse((await world.vault.host('/egress-doors', { method: 'POST', body })).text));
}

/** A tunnel, with TLS in it when there are options for it. */
async function tunnel(host = 'api.test', options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = await connectTo(`${host}:${port}`);
  return await new Promise((resolve, reject) => {
    const inside = tlsConnect({ socket, servername: host, ca: door.authority, ...options }, () => resolve(inside));
    inside.on('error', reject);
  });
}

function connectTo(place: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = netConnect(door.socketPath);
    socket.write(`CONNECT ${place} HTTP/1.1\r\nHost: ${place}\r\n\r\n`);
    socket.once('data', (bytes: Buffer) => {
      const head = bytes.toString('latin1');
      if (head.startsWith('HTTP/1.1 200')) resolve(socket);
      else reject(new Error(head));
    });
    socket.on('error', reject);
  });
}

/** One raw request inside; all that came back. */
async function ask(
  head: string,
  { host = 'api.test', body = '' }: { host?: string; body?: string } = {},
): Promise<string> {
  const socket = await tunnel(host);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise((resolve) => socket.on('close', resolve));
  socket.write(`${head}\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n${body}`);
  await ended;
  return Buffer.concat(chunks).toString('latin1');
}

const rows = () => world.rows(`run_${run}`);
const lastRow = async () => (await rows()).at(-1);

describe('https that is looked into', () => {
  it('shows a certificate of this installation for that very host, and the credential is put in', async () => {
    const socket = await tunnel();
    expect(socket.authorized).toBe(true);
    expect(socket.getPeerCertificate().issuer.CN).toContain('Holdfast sandboxes');
    socket.destroy();
    const text = await ask('GET /x?a=1 HTTP/1.1\r\nAuthorization: Bearer placeholder\r\nCookie: a=b');
    expect(text).toContain('tls /x?a=1');
    expect(seen.at(-1)).toMatchObject({ method: 'GET', url: '/x?a=1', headers: { authorization: `Bearer ${KEY}` } });
    expect(seen.at(-1)?.headers.cookie).toBeUndefined();
    expect(seen.at(-1)?.headers.host).toBe(`api.test:${port}`);
    expect(await lastRow()).toMatchObject({
      ...{ scheme: 'https', host: 'api.test', port, method: 'GET', path: '/x', service: 'api', verdict: 'done' },
    });
  });

  it('without a service goes on as it is', async () => {
    await ask('POST /y HTTP/1.1\r\nAuthorization: own\r\nContent-Length: 4', { host: 'other.test', body: 'body' });
    expect(seen.at(-1)).toMatchObject({ method: 'POST', body: 'body', headers: { authorization: 'own' } });
    expect(await lastRow()).toMatchObject({ host: 'other.test', service: '' });
  });

  it('is not looked into where the owner did not say so', async () => {
    const socket = await tunnel('open.test', { rejectUnauthorized: false });
    expect(socket.getPeerCertificate().issuer.CN).toBe('test');
    socket.destroy();
    await expect(tunnel('open.test')).rejects.toThrow(/self.signed|unable to verify/i);
  });

  it('judges each request by method and path, after the handshake too', async () => {
    await setUp({
      allow: [`GET,HEAD@https://api.test:${port}/open/*`, `https://other.test:${port}`],
      deny: [`https://other.test:${port}/secret/*`],
    });
    expect(await ask('GET /open/a HTTP/1.1')).toContain('tls /open/a');
    const refused = await ask('GET /shut HTTP/1.1');
    expect(refused).toContain('HTTP/1.1 403');
    expect(refused).toContain(`egress denied: api.test:${port}; allow with: holdfast vault egress tester allow`);
    expect(await lastRow()).toMatchObject({ method: 'GET', path: '/shut', verdict: 'denied' });
    expect(await ask('POST /open/a HTTP/1.1\r\nContent-Length: 0')).toContain('HTTP/1.1 403');
    for (const path of ['/open/../shut', '/open/%2e%2e/shut', '/open/..%2fshut', '/open\\..\\shut'])
      expect([path, (await ask(`GET ${path} HTTP/1.1`)).split(' ')[1]]).toEqual([path, '403']);
    expect(await ask('GET /a HTTP/1.1', { host: 'other.test' })).toContain('tls /a');
    expect(await ask('GET /secret/x HTTP/1.1', { host: 'other.test' })).toContain('HTTP/1.1 403');
    expect(seen.map(({ url }) => url)).toEqual(['/open/a', '/a']);
  });

  it('several requests on one connection are judged each for itself', async () => {
    await setUp({ allow: [`GET@https://api.test:${port}/open/*`] });
    const socket = await tunnel();
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    const ended = new Promise((resolve) => socket.on('close', resolve));
    const one = (path: string) => `GET ${path} HTTP/1.1\r\nHost: api.test:${port}\r\n`;
    socket.write(`${one('/open/1')}\r\n${one('/open/2')}\r\n${one('/shut')}Connection: close\r\n\r\n`);
    await ended;
    expect(text.match(/^HTTP\/1\.1 \d+/gm)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 403']);
    expect(seen.map(({ url }) => url)).toEqual(['/open/1', '/open/2']);
  });

  it('refuses another Host, another address and another name inside', async () => {
    for (const head of [
      `GET https://other.test:${port}/ HTTP/1.1\r\nHost: other.test:${port}`,
      'GET / HTTP/1.1\r\nHost: other.test',
      'GET / HTTP/1.1\r\nHost: 127.0.0.1',
      `GET http://api.test:${port}/ HTTP/1.1\r\nHost: api.test:${port}`,
    ]) {
      const socket = await tunnel();
      const answer = new Promise<string>((resolve) =>
        socket.once('data', (chunk: Buffer) => resolve(chunk.toString())),
      );
      socket.write(`${head}\r\nConnection: close\r\n\r\n`);
      expect([head, (await answer).split(' ')[1]]).toEqual([head, '400']);
      socket.destroy();
    }
    await expect(tunnel('api.test', { servername: 'other.test' })).rejects.toThrow();
    const twice = await ask(`GET / HTTP/1.1\r\nHost: other.test:${port}`);
    expect(twice).toContain('HTTP/1.1 400');
    expect(seen).toEqual([]);
  });

  it('offers no HTTP/2: a client that takes nothing else is refused, one that can falls back', async () => {
    await expect(tunnel('api.test', { ALPNProtocols: ['h2'] })).rejects.toThrow(/no application protocol/i);
    const both = await tunnel('api.test', { ALPNProtocols: ['h2', 'http/1.1'] });
    expect(both.alpnProtocol).toBe('http/1.1');
    const session = http2Connect(`https://api.test:${port}`, { createConnection: () => both });
    const error = await new Promise<Error>((resolve) => {
      session.on('error', resolve);
      session.request({ ':path': '/', ':authority': `other.test:${port}` }).on('error', () => undefined);
    });
    expect(error).toBeInstanceOf(Error);
    expect(seen).toEqual([]);
    await ask('GET / HTTP/1.1');
    expect(seen.at(-1)?.alpn).toBe('http/1.1');
  });

  it('checks the certificate of the origin for real', async () => {
    const text = await ask('GET / HTTP/1.1', { host: 'bad.test' });
    expect(text).toContain('HTTP/1.1 502');
    expect(text).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
    await owner('DELETE', '/trusted-authorities/local');
    const doubted = await ask('GET / HTTP/1.1');
    expect(doubted).toMatch(/HTTP\/1\.1 502[\s\S]*(?:SELF_SIGNED|VERIFY)/);
    expect(seen).toEqual([]);
    await owner('PUT', '/trusted-authorities/local', originCertificate);
  });

  it('keeps the service to its methods and paths', async () => {
    await setUp({ service: { allow: ['GET /v1/*'] } });
    expect(await ask('GET /v1/x HTTP/1.1')).toContain('200');
    const refused = await ask('DELETE /v1/x HTTP/1.1');
    expect(refused).toContain('The service api does not allow DELETE /v1/x');
    expect(seen.length).toBe(1);
  });

  it('takes the key out of what comes back: body, header, packed, cut', async () => {
    reply = (_request, response) => {
      response.writeHead(200, { 'x-echo': `Bearer ${KEY}`, 'content-encoding': 'gzip', 'content-type': 'text/plain' });
      response.end(gzipSync(`here: ${KEY}`));
    };
    const packed = await ask('GET / HTTP/1.1');
    expect(packed).toContain('here: [secret]');
    expect(packed).toContain('x-echo: Bearer [secret]');
    reply = (_request, response) => {
      response.write(`here: ${KEY.slice(0, 9)}`);
      setImmediate(() => response.end(KEY.slice(9)));
    };
    expect(await ask('GET / HTTP/1.1')).toContain('[secret]');
    reply = (_request, response) => void response.writeHead(200, { 'content-encoding': 'aes' }).end('?');
    expect(await ask('GET / HTTP/1.1')).toContain('HTTP/1.1 502');
    expect(seen.every(({ headers }) => headers['accept-encoding'] === 'identity')).toBe(true);
  });

  it('passes HEAD, 204 and a long body whole', async () => {
    reply = (_request, response) => void response.writeHead(200, { 'content-length': 1234 }).end();
    expect(await ask('HEAD / HTTP/1.1')).toContain('content-length: 1234');
    reply = (_request, response) => void response.writeHead(204).end();
    expect(await ask('GET / HTTP/1.1')).toContain('HTTP/1.1 204');
    reply = (_request, response) => void response.end(Buffer.alloc(3_000_000, 'x'));
    expect((await ask('GET / HTTP/1.1')).match(/x/g)?.length).toBeGreaterThanOrEqual(3_000_000);
  });

  it('carries WebSocket, with the credential in its handshake, and cuts it when the key comes back', async () => {
    const inside = await tunnel();
    const socket = new WebSocket(`wss://api.test:${port}/ws`, { createConnection: () => inside });
    const next = (): Promise<string> =>
      new Promise((resolve) => socket.once('message', (data) => resolve(String(data))));
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    socket.send('hello');
    expect(await next()).toBe('echo hello');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    let leaked = '';
    socket.on('message', (data) => {
      leaked += String(data);
    });
    socket.send('key');
    await closed;
    expect(leaked).not.toContain(KEY);
    expect(await lastRow()).toMatchObject({
      verdict: 'cut',
      reason: expect.stringContaining('sent back a secret'),
      service: 'api',
    });
  });

  it('ends with its rules', async () => {
    reply = (_request, response) => void response.write('begun ');
    const socket = await tunnel();
    const begun = new Promise((resolve) => socket.once('data', resolve));
    socket.write(`GET /slow HTTP/1.1\r\nHost: api.test:${port}\r\n\r\n`);
    await begun;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await world.setRules({ allow: [] });
    await closed;
    expect(await lastRow()).toMatchObject({ verdict: 'cut', reason: 'its rules were changed' });
  });

  it('counts what a packed answer unpacks to, so that a small one cannot be huge', async () => {
    await setUp({ limits: { connectionBytes: 1_000_000 } });
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    reply = (_request, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    expect((await ask('GET / HTTP/1.1')).length).toBeLessThan(5_000_000);
    expect(await lastRow()).toMatchObject({ verdict: 'cut', reason: expect.stringContaining('carried more than') });
  });

  it('lets nothing but what the rules and the service name reach the origin, whatever is put into requests', async () => {
    await setUp({ allow: [`GET@https://api.test:${port}/pub/*`], service: { allow: ['GET /pub/*'] } });
    const host = `Host: api.test:${port}`;
    const mostly = (right: string, ...wrong: string[]) =>
      fc.oneof({ weight: 5, arbitrary: fc.constant(right) }, { weight: 1, arbitrary: fc.constantFrom(...wrong) });
    const request = fc.record({
      method: mostly('GET', 'POST', 'CONNECT', 'HEAD', 'G\tET'),
      target: mostly(
        '/pub/a',
        '/secret',
        '/pub/../secret',
        '/pub/%2e%2e/x',
        `https://other.test:${port}/pub/a`,
        '//other.test/pub/a',
        '*',
      ),
      version: mostly('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', ''),
      headers: fc.array(
        mostly(
          host,
          `Host: other.test:${port}`,
          'Content-Length: 4\r\nContent-Length: 40',
          'Transfer-Encoding: xchunked',
          'Transfer-Encoding: chunked\r\nContent-Length: 3',
          'Host : other.test',
          'Connection: authorization, host',
          'Authorization: Bearer mine',
        ),
        { minLength: 1, maxLength: 3 },
      ),
      body: mostly('', '0\r\n\r\n', `GET /secret HTTP/1.1\r\n${host}\r\n\r\n`, 'ffffffff\r\nx'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 3 }), async (all) => {
        const socket = await tunnel();
        const closed = new Promise((resolve) => socket.once('close', resolve));
        const timer = setTimeout(() => socket.destroy(), 300);
        socket.on('error', () => undefined).resume();
        const text = all.map((one) =>
          [`${one.method} ${one.target} ${one.version}`, ...one.headers, '', one.body].join('\r\n'),
        );
        socket.end(text.join(''), 'latin1');
        await closed;
        clearTimeout(timer);
      }),
      { numRuns: 150 },
    );
    const wrong = seen.filter(
      ({ method, url, headers }) =>
        method !== 'GET' ||
        !url.startsWith('/pub/') ||
        headers.host !== `api.test:${port}` ||
        headers.authorization !== `Bearer ${KEY}`,
    );
    expect(wrong).toEqual([]);
    expect(seen.length).toBeGreaterThan(0);
    await ask('GET /pub/last HTTP/1.1');
    expect(seen.at(-1)?.url).toBe('/pub/last');
    expect(world.vault.logs.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  }, 90_000);

  it('is nothing that the host can ask for', async () => {
    const rules = JSON.stringify({ allow: [], intercept: ['api.test'] });
    expect((await world.vault.host('/egress-rules/tester', { method: 'PUT', body: rules })).status).toBe(403);
    await world.setRules({ allow: [`api.test:${port}`] });
    const body = JSON.stringify({ agent: world.agent, run: 'run_other' });
    const bare = JSON.parse((await world.vault.host('/egress-doors', { method: 'POST', body })).text);
    expect(Object.keys(bare)).toEqual(['socketPath']);
  });
});
