/** The egress proxy over raw sockets: what a hostile program in a sandbox could send, and what a hostile origin could answer. */
import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, eventually, startUpstream, type Upstream } from '../../src/testing/upstream.ts';
import { clientHello, closeAll, createEgressWorld, type EgressWorld, listen, makeCertificate } from './egress-world.ts';

const certificate = await makeCertificate(['secure.test', 'other.test']);

let world: EgressWorld;
let upstream: Upstream;
let answer: Answer;
let path: string;
const servers: (Server | TlsServer)[] = [];

beforeEach(async () => {
  world = await createEgressWorld();
  answer = (seen, response) => void response.end(`${seen.method} ${seen.url} ${seen.body}`);
  upstream = await startUpstream((seen, response) => answer(seen, response));
  world.names['site.test'] = ['127.0.0.1'];
  await world.except('site.test', upstream.port);
  await world.allow(`site.test:${upstream.port}`);
  path = await world.door();
});
afterEach(async () => {
  for (const server of servers.splice(0)) await closeAll(server);
  await world[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const site = (): string => `site.test:${upstream.port}`;

/** Sends these bytes and gives back everything until the proxy closes, or until `until` is seen. */
function raw(text: string | Buffer, options: { end?: boolean; until?: RegExp } = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let got = '';
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(got);
    };
    const timer = setTimeout(finish, 5_000);
    socket.on('data', (chunk: Buffer) => {
      got += chunk.toString('latin1');
      if (options.until?.test(got)) finish();
    });
    socket.on('error', finish);
    socket.on('close', finish);
    if (options.end) socket.end(text);
    else socket.write(text);
  });
}

const get = (url: string, host: string, more = ''): string =>
  `GET ${url} HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`;
const verdicts = async (): Promise<string[]> =>
  (await world.rows()).map(({ verdict, host, port }) => `${verdict} ${host}:${port}`);

async function startTls(): Promise<number> {
  const server = createTlsServer(certificate, (request, response) => response.end(`tls ${request.url}`));
  servers.push(server);
  const port = await listen(server);
  for (const name of ['secure.test', 'other.test']) {
    world.names[name] = ['127.0.0.1'];
    await world.except(name, port);
  }
  await world.allow(`secure.test:${port}`, site());
  return port;
}

/** A CONNECT; what the proxy said, and the socket after it. */
function connectTo(authority: string): Promise<{ head: string; socket: Socket }> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let head = '';
    const take = (chunk: Buffer): void => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', take);
      resolve({ head, socket });
    };
    socket.on('data', take);
    socket.once('error', reject);
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  });
}

function closed(socket: Socket): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(Buffer.concat(chunks)));
    if (socket.destroyed) resolve(Buffer.concat(chunks));
  });
}

describe('plain http', () => {
  it('goes through, in a request written anew', async () => {
    const got = await raw(
      get(`http://${site()}/a?b=1`, site(), 'Proxy-Authorization: Basic eA==\r\nX-One: 1\r\nConnection: x-one\r\n'),
    );
    expect(got).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(got).toContain('GET /a?b=1');
    expect(upstream.requests[0]?.headers).toEqual({ host: site(), connection: 'close' });
    await eventually(async () => ((await verdicts())[0] === `done site.test:${upstream.port}` ? true : undefined));
    expect((await world.rows())[0]).toMatchObject({ agent: 'tester', run: 'run_1', scheme: 'http', bytesUp: 0 });
    expect((await world.rows())[0]?.bytesDown).toBeGreaterThan(5);
  });

  it('keeps the client connection for several requests, each judged and each with its row', async () => {
    const one = (url: string, host: string): string => `GET ${url} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    const got = await raw(one(`http://${site()}/1`, site()) + one('http://no.test/', 'no.test'), {
      until: /no\.test:80/,
    });
    expect(got).toContain('GET /1');
    expect(got).toContain('egress denied: no.test:80; allow with: holdfast vault egress tester allow no.test:80');
    await eventually(async () => ((await verdicts()).length === 2 ? true : undefined));
    expect(upstream.requests.length).toBe(1);
  });

  it('passes a chunked body whole, and a body of a length', async () => {
    const head = `POST http://${site()}/up HTTP/1.1\r\nHost: ${site()}\r\nConnection: close\r\n`;
    expect(await raw(`${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n`)).toContain(
      'POST /up hello world',
    );
    expect(await raw(`${head}Content-Length: 5\r\n\r\nhello`)).toContain('POST /up hello');
  });

  it.each([
    ['both lengths', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'],
    ['two lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n'],
    ['a list of lengths', 'Content-Length: 5, 5\r\n'],
    ['a signed length', 'Content-Length: +5\r\n'],
    ['another coding', 'Transfer-Encoding: gzip, chunked\r\n'],
    ['a coding with a tab', 'Transfer-Encoding:\tchunked\r\nContent-Length: 3\r\n'],
    ['a spaced name', 'Transfer-Encoding : chunked\r\n'],
    ['a folded header', 'X-A: b\r\n c\r\n'],
    ['two hosts', 'Host: other.test\r\n'],
    ['a NUL', 'X-A: b\0c\r\n'],
  ])('refuses what two servers could read differently: %s', async (_name, header) => {
    const smuggled = `0\r\n\r\n${get(`http://${site()}/smuggled`, site())}`;
    const got = await raw(`POST http://${site()}/ HTTP/1.1\r\nHost: ${site()}\r\n${header}\r\n${smuggled}`);
    expect(got).toMatch(/^HTTP\/1\.1 400 /);
    expect(upstream.requests.map((seen) => seen.url)).toEqual([]);
    expect((await verdicts())[0]).toBe('denied :0');
  });

  it('refuses a Host that is not that of the address', async () => {
    for (const host of [
      'other.test',
      `site.test:${upstream.port + 1}`,
      'site.test',
      `site.test:${upstream.port}@x`,
      '',
    ])
      expect([host, (await raw(get(`http://${site()}/`, host))).slice(9, 12)]).toEqual([host, '400']);
    expect(upstream.requests).toEqual([]);
  });

  it.each([
    '/',
    '*',
    'site.test',
    'https://site.test/',
    'ftp://site.test/',
    'http://user:pw@site.test/',
    'http:///x',
    'http://',
  ])('refuses the target %s', async (target) => {
    expect((await raw(get(target, 'site.test'))).slice(9, 12)).toBe('400');
  });

  it('judges method and path, as the origin will read them', async () => {
    await world.allow(`GET@http://${site()}/pub/*`);
    const status = async (method: string, url: string): Promise<string> =>
      (
        await raw(
          `${method} http://${site()}${url} HTTP/1.1\r\nHost: ${site()}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
        )
      ).slice(9, 12);
    expect(await status('GET', '/pub/x?y')).toBe('200');
    expect(await status('POST', '/pub/x')).toBe('403');
    expect(await status('GET', '/secret')).toBe('403');
    for (const trick of [
      '/pub/../secret',
      '/pub/%2e%2e/secret',
      '/pub/..%2fsecret',
      '/pub/%252e%252e/secret',
      '/pub\\..\\secret',
      '/pub/..;/secret',
      '//pub/x',
    ])
      expect([trick, await status('GET', trick)]).toEqual([trick, '403']);
    expect(upstream.requests.map((seen) => seen.url)).toEqual(['/pub/x?y']);
  });

  it('bounds the head of a request, and takes a slow one to its end', async () => {
    expect(await raw(get(`http://${site()}/`, site(), `X-Big: ${'a'.repeat(200_000)}\r\n`))).toMatch(
      /^HTTP\/1\.1 431 /,
    );
    const socket = connect(path);
    const all = closed(socket);
    for (const byte of get(`http://${site()}/slow`, site()))
      await new Promise<void>((done) => void socket.write(byte, () => done()));
    expect((await all).toString()).toContain('GET /slow');
  });

  it('passes a whole answer to a program that has half-closed', async () => {
    expect(await raw(get(`http://${site()}/half`, site()), { end: true })).toContain('GET /half');
  });

  it('explains an origin that is gone, speaks no HTTP or changes the protocol', async () => {
    const odd = createServer(
      (socket) =>
        void socket
          .on('error', () => undefined)
          .resume()
          .end('SSH-2.0-x\r\n'),
    );
    const sneaky = createServer((socket) => {
      socket.on('error', () => undefined).resume();
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\nhi');
    });
    servers.push(odd, sneaky);
    const [oddPort, sneakyPort] = [await listen(odd), await listen(sneaky)];
    for (const port of [oddPort, sneakyPort, 1]) await world.except('site.test', port);
    await world.allow(`site.test:${oddPort}`, `site.test:${sneakyPort}`, 'site.test:1', 'nowhere.test');
    for (const port of [oddPort, sneakyPort, 1])
      expect((await raw(get(`http://site.test:${port}/`, `site.test:${port}`))).slice(9, 12)).toBe('502');
    expect(await raw(get('http://nowhere.test/', 'nowhere.test'))).toContain(
      'nowhere.test:80 was not found (ENOTFOUND)',
    );
    expect((await verdicts()).every((verdict) => verdict.startsWith('failed'))).toBe(true);
  });

  it('does not take an answer that tries to be two', async () => {
    answer = (_seen, response) => {
      response.socket?.end(
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
      );
    };
    const got = await raw(get(`http://${site()}/`, site()));
    expect(got).toContain('ok');
    expect(got).not.toContain('evil');
  });
});

describe('the wall to private addresses', () => {
  const spellings = [
    '127.0.0.1',
    '127.1',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '2130706433',
    '0',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[64:ff9b::7f00:1]',
    '[2002:7f00:1::]',
    '169.254.169.254',
    '100.64.0.1',
    '[fe80::1]',
    '127.0.0.1.',
  ];

  it.each(spellings)('refuses %s, plain and by CONNECT, though the rules allow it', async (host) => {
    await world.allow(
      ...['127.0.0.1', '0.0.0.0', '169.254.169.254', '100.64.0.1'].flatMap((one) => [one, `${one}:${upstream.port}`]),
      `[::1]:${upstream.port}`,
    );
    const place = `${host}:${upstream.port}`;
    expect((await raw(get(`http://${place}/`, place))).slice(9, 12)).toBe('403');
    const tunnel = await raw(`CONNECT ${place} HTTP/1.1\r\nHost: ${place}\r\n\r\n`);
    expect(tunnel.slice(9, 12)).toBe('403');
    expect(upstream.requests).toEqual([]);
  });

  it('refuses a name with any private answer, and one that answers differently the next time', async () => {
    await world.allow('mixed.test', 'rebind.test');
    world.names['mixed.test'] = ['93.184.216.34', '10.0.0.1'];
    let asked = 0;
    world.names['rebind.test'] = () => {
      asked += 1;
      return asked === 1 ? ['10.0.0.1'] : ['93.184.216.34'];
    };
    for (const name of ['mixed.test', 'rebind.test'])
      expect(await raw(get(`http://${name}/`, name))).toContain(`allow with: holdfast vault allow tester ${name}:80`);
    expect(asked).toBe(1);
  });

  it('connects to the address that was checked, asking for the name once', async () => {
    let asked = 0;
    world.names['site.test'] = () => {
      asked += 1;
      return asked === 1 ? ['127.0.0.1'] : ['127.0.0.9'];
    };
    expect(await raw(get(`http://${site()}/once`, site()))).toContain('GET /once');
    expect(asked).toBe(1);
  });

  it('does not even ask for a name that is not allowed', async () => {
    await raw(get('http://secret-data.evil.test/', 'secret-data.evil.test'));
    expect(world.resolved).toEqual([]);
  });
});

describe('CONNECT', () => {
  it('carries TLS to the host it names', async () => {
    const port = await startTls();
    const { head, socket } = await connectTo(`secure.test:${port}`);
    expect(head).toMatch(/^HTTP\/1\.1 200 /);
    const tls = tlsConnect({ socket, servername: 'secure.test', rejectUnauthorized: false });
    tls.write('GET /in HTTP/1.1\r\nHost: secure.test\r\nConnection: close\r\n\r\n');
    const chunks: Buffer[] = [];
    for await (const chunk of tls) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toContain('tls /in');
    await eventually(async () => ((await verdicts())[0] === `done secure.test:${port}` ? true : undefined));
    expect((await world.rows())[0]?.bytesUp).toBeGreaterThan(200);
  });

  it.each(['other.test', 'SECURE.test.evil.test', undefined])(
    'closes when the TLS names %s, before the origin hears of it',
    async (name) => {
      let connections = 0;
      const port = await startTls();
      servers[0]?.on('connection', () => {
        connections += 1;
      });
      const { socket } = await connectTo(`secure.test:${port}`);
      const tls = tlsConnect({ socket, ...(name ? { servername: name } : {}), rejectUnauthorized: false });
      const error = await new Promise<Error>((resolve) => tls.once('error', resolve));
      expect(error.message).toMatch(/alert|disconnected|reset/i);
      expect((await world.rows())[0]?.reason).toContain(
        name ? `another server, ${name.toLowerCase()}` : 'names no server (SNI)',
      );
      expect(connections).toBe(0);
    },
  );

  it('takes the name in any case and the hello in single bytes', async () => {
    const port = await startTls();
    const { socket } = await connectTo(`SECURE.test:${port}`);
    const hello = await clientHello('Secure.Test');
    const first = new Promise<Buffer>((resolve) => socket.once('data', resolve));
    for (const byte of hello) await new Promise<void>((done) => void socket.write(Buffer.from([byte]), () => done()));
    expect((await first)[0]).toBe(22);
    socket.destroy();
  });

  it.each([
    ['plain http', 'GET / HTTP/1.1\r\nHost: site.test\r\n\r\n'],
    ['ssh', 'SSH-2.0-OpenSSH_9\r\n'],
    ['garbage', '\x16\x03\x01\xff\xff'],
    ['an empty record', '\x16\x03\x01\x00\x00'],
    ['another message', '\x16\x03\x01\x00\x04\x02\x00\x00\x00'],
  ])('carries nothing but TLS where only https is allowed: %s', async (_name, bytes) => {
    await world.allow(`https://${site()}`);
    const { socket } = await connectTo(site());
    const all = closed(socket);
    socket.write(Buffer.from(bytes, 'latin1'));
    expect([...(await all)]).toEqual([21, 3, 3, 0, 2, 2, 49]);
    expect(upstream.requests).toEqual([]);
    expect((await verdicts())[0]).toMatch(/^denied site\.test/);
  });

  it('reads plain http inside like any other: judged, one row for each request, for that host alone', async () => {
    await world.allow(`GET@http://${site()}/pub/*`);
    const { head, socket } = await connectTo(site());
    expect(head).toMatch(/^HTTP\/1\.1 200 /);
    const inner = (path: string, host = site()): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    const all = closed(socket);
    socket.write(`${inner('/pub/a')}${inner('/secret')}`);
    const got = (await all).toString();
    expect(got).toContain('GET /pub/a');
    expect(got).toContain('HTTP/1.1 403');
    for (const trick of [
      inner('/pub/a', 'other.test'),
      inner('http://other.test/pub/a', 'other.test'),
      inner('*'),
      `CONNECT ${site()} HTTP/1.1\r\n\r\n`,
    ]) {
      const again = await connectTo(site());
      const answer = closed(again.socket);
      again.socket.write(trick);
      expect([trick, (await answer).toString().slice(9, 12)]).toEqual([trick, '400']);
    }
    expect(upstream.requests.map((seen) => seen.url)).toEqual(['/pub/a']);
  });

  it('does not carry TLS where only plain http is allowed', async () => {
    await world.allow(`http://${site()}`);
    const { socket } = await connectTo(site());
    const all = closed(socket);
    socket.write(await clientHello('site.test'));
    expect([...(await all)]).toEqual([21, 3, 3, 0, 2, 2, 49]);
  });

  it('refuses a hello cut into a thousand records, at once', async () => {
    const hello = (await clientHello('site.test')).subarray(5);
    const records = Buffer.concat([...hello].map((byte) => Buffer.from([22, 3, 1, 0, 1, byte])));
    const { socket } = await connectTo(site());
    const all = closed(socket);
    socket.write(records);
    expect((await all)[0]).toBe(21);
    expect((await world.rows())[0]?.reason).toContain('too many records');
  });

  it('is refused without a row of success: not allowed, odd, with a body, for another Host', async () => {
    for (const [request, status] of [
      ['CONNECT no.test:443 HTTP/1.1\r\nHost: no.test:443\r\n\r\n', '403'],
      ['CONNECT no.test HTTP/1.1\r\nHost: no.test\r\n\r\n', '400'],
      ['CONNECT http://site.test/ HTTP/1.1\r\nHost: site.test\r\n\r\n', '400'],
      ['CONNECT [fe80::1%eth0]:443 HTTP/1.1\r\nHost: x\r\n\r\n', '400'],
      [`CONNECT ${site()} HTTP/1.1\r\nHost: other.test:443\r\n\r\n`, '400'],
      [`CONNECT ${site()} HTTP/1.1\r\nHost: ${site()}\r\nHost: ${site()}\r\n\r\n`, '400'],
      [`CONNECT ${site()} HTTP/1.1\r\nHost: ${site()}\r\nContent-Length: 4\r\n\r\nabcd`, '400'],
      [`CONNECT ${site()} HTTP/1.1\r\nHost: ${site()}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, '400'],
    ] as const)
      expect([request, (await raw(request)).slice(9, 12)]).toEqual([request, status]);
    expect((await verdicts()).every((verdict) => verdict.startsWith('denied'))).toBe(true);
  });

  it('may be HTTP/1.0 without a Host, as old clients write it', async () => {
    expect(await raw(`CONNECT ${site()} HTTP/1.0\r\n\r\n`, { until: /\r\n\r\n/ })).toMatch(/^HTTP\/1\.1 200/);
  });
});

describe('WebSocket', () => {
  const handshake = (more = ''): string =>
    `GET http://${site()}/ws HTTP/1.1\r\nHost: ${site()}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n${more}\r\n`;
  const KEY = Buffer.from('0123456789abcdef').toString('base64');
  const proof = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

  async function origin(accept: string): Promise<void> {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\nfirst`,
        );
        socket.on('data', (chunk: Buffer) => socket.write(`echo ${chunk}`));
      });
    });
    servers.push(server);
    await upstream[Symbol.asyncDispose]();
    await new Promise<void>((resolve) => server.listen(upstream.port, '127.0.0.1', resolve));
  }

  it('flows both ways after the handshake', async () => {
    await origin(proof);
    const socket = connect(path);
    let got = '';
    socket.on('data', (chunk: Buffer) => {
      got += chunk;
    });
    socket.write(handshake());
    await eventually(() => (got.endsWith('first') ? true : undefined));
    expect(got).toMatch(/^HTTP\/1\.1 101 /);
    socket.write('ping');
    await eventually(() => (got.endsWith('echo ping') ? true : undefined));
    socket.destroy();
  });

  it('flows through a tunnel too, as ws: clients ask for it', async () => {
    await origin(proof);
    const { socket } = await connectTo(site());
    let got = '';
    socket.on('data', (chunk: Buffer) => {
      got += chunk;
    });
    socket.write(handshake().replace(`http://${site()}`, ''));
    await eventually(() => (got.endsWith('first') ? true : undefined));
    socket.write('ping');
    await eventually(() => (got.endsWith('echo ping') ? true : undefined));
    socket.destroy();
  });

  it('is not believed without the proof, and takes no bytes before it', async () => {
    await origin('bm90IHRoZSBwcm9vZg==');
    expect(await raw(handshake())).toContain('does not speak WebSocket');
    expect((await raw(`${handshake()}GET /other HTTP/1.1\r\n`)).slice(9, 12)).toBe('400');
    expect((await raw(handshake('Content-Length: 3\r\n'))).slice(9, 12)).toBe('400');
  });

  it('shows the refusal of an origin that has none', async () => {
    expect(await raw(handshake())).toContain('refused the WebSocket with status 200');
  });

  it('is the only upgrade: h2c is answered as plain http', async () => {
    const got = await raw(
      get(
        `http://${site()}/h2c`,
        site(),
        'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nConnection: Upgrade, HTTP2-Settings\r\n',
      ),
    );
    expect(got).toContain('GET /h2c');
    expect(upstream.requests[0]?.headers.upgrade).toBeUndefined();
  });
});

describe('limits', () => {
  it('cut a connection at its bytes, and refuse the next ones when the run has used up its own', async () => {
    answer = (_seen, response) => void response.end(Buffer.alloc(300_000));
    await world.setRules({ allow: [site()], limits: { connectionBytes: 100_000, runBytes: 200_000 } });
    const got = await raw(get(`http://${site()}/big`, site()));
    expect(got.length).toBeLessThan(300_000);
    await eventually(async () => ((await verdicts())[0]?.startsWith('cut') ? true : undefined));
    await raw(get(`http://${site()}/big`, site()));
    expect(await raw(get(`http://${site()}/big`, site()))).toContain('the run has used up its 200000 bytes');
  });

  it('end a silent connection and a long one', async () => {
    answer = () => undefined;
    await world.setRules({ allow: [site()], limits: { idleMs: 100 } });
    await raw(get(`http://${site()}/`, site()));
    await world.setRules({ allow: [site()], limits: { connectionMs: 100 } });
    await raw(get(`http://${site()}/`, site()));
    expect((await world.rows()).map((row) => row.reason)).toEqual([
      'it was silent for 100 ms',
      'it lasted longer than 100 ms',
    ]);
  });

  it('end a connection that sends requests without waiting for answers', async () => {
    answer = () => undefined;
    const one = `GET http://${site()}/ HTTP/1.1\r\nHost: ${site()}\r\n\r\n`;
    expect(await raw(one.repeat(500))).toBe('');
    expect(upstream.requests.length).toBeLessThanOrEqual(8);
    await eventually(async () =>
      (await verdicts()).every((verdict) => !verdict.startsWith('open')) ? true : undefined,
    );
  });

  it('keep the number of connections of a run bounded', async () => {
    answer = () => undefined;
    const one = `GET http://${site()}/ HTTP/1.1\r\nHost: ${site()}\r\n\r\n`;
    const sockets = Array.from({ length: 40 }, () => connect(path).on('error', () => undefined));
    for (const socket of sockets) socket.write(one.repeat(4));
    await eventually(async () => ((await verdicts()).length === 160 ? true : undefined));
    const all = await world.rows();
    expect(all.filter((row) => row.verdict === 'open').length).toBeLessThanOrEqual(128);
    expect(all.filter((row) => row.reason.includes('128 connections already')).length).toBeGreaterThan(0);
    for (const socket of sockets) socket.destroy();
  });

  it('keep the number of rows of denials bounded', async () => {
    const many = Array.from({ length: 400 }, () => 'GET http://no.test/ HTTP/1.1\r\nHost: no.test\r\n\r\n');
    for (const request of many) await raw(request, { until: /no\.test:80\n/ });
    expect((await world.rows()).length).toBe(201);
  }, 60_000);
});

describe('the rules', () => {
  it('hold at once: what is taken back is cut', async () => {
    const port = await startTls();
    const { socket } = await connectTo(`secure.test:${port}`);
    const tls = tlsConnect({ socket, servername: 'secure.test', rejectUnauthorized: false });
    await new Promise<void>((resolve) => tls.once('secureConnect', () => resolve()));
    const gone = new Promise<void>((resolve) => tls.once('close', () => resolve()).on('error', () => undefined));
    await world.allow();
    await gone;
    expect((await world.rows())[0]).toMatchObject({ verdict: 'cut', reason: 'its rules were changed' });
    expect((await raw(get(`http://${site()}/`, site()))).slice(9, 12)).toBe('403');
  });

  it('of a run narrow those of its agent', async () => {
    path = await world.door('run_2', ['other.test']);
    expect(await raw(get(`http://${site()}/`, site()))).toContain("the worker's template does not list it");
    expect(await raw(get('http://third.test/', 'third.test'))).toContain(
      'allow third.test:80 and list it under egress',
    );
  });

  it('are the owner’s alone', async () => {
    const put = await world.vault.host('/egress-rules/tester', {
      method: 'PUT',
      body: JSON.stringify({ allow: ['evil.test'] }),
    });
    expect(put.status).toBe(403);
    const read = await world.vault.host('/egress-rules/tester');
    expect(JSON.parse(read.text).allow).toEqual([site()]);
  });

  it('are refused with the reason: a path of https, and a host not written as it is resolved', async () => {
    await expect(world.allow('https://site.test/path')).rejects.toThrow(/is seen only where the vault looks into it/);
    await expect(world.allow('[0:0::1]:80')).rejects.toThrow(/not how this host is written/);
    expect(JSON.parse((await world.vault.host('/egress-rules/tester')).text).allow).toEqual([site()]);
  });
});

describe('doors', () => {
  it('are sockets that a sandbox can open and nobody can list', async () => {
    expect(statSync(path).mode & 0o777).toBe(0o666);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o711);
  });

  it('belong to one run: asked for again the same, and not for another agent', async () => {
    const [a, b] = await Promise.all([world.door('run_3'), world.door('run_3')]);
    expect(a).toBe(b);
    expect(await world.door('run_4')).not.toBe(a);
    const stolen = await world.vault.host('/egress-doors', {
      method: 'POST',
      body: JSON.stringify({ agent: 'other', run: 'run_3' }),
    });
    expect(stolen.status).toBe(409);
  });

  it('close with the run and cut what goes through them', async () => {
    answer = () => undefined;
    const pending = raw(get(`http://${site()}/`, site()));
    await eventually(() => upstream.requests[0]);
    await world.close('run_1');
    await pending;
    expect((await world.rows())[0]).toMatchObject({ verdict: 'cut', reason: 'the door was closed' });
    expect(readdirSync(dirname(path))).toEqual([]);
    await world.close('run_1');
  });

  it('come back at the same place after a restart, and what was under way is named', async () => {
    answer = () => undefined;
    const pending = raw(get(`http://${site()}/`, site()));
    await eventually(() => upstream.requests[0]);
    await world.vault.restart();
    await pending;
    answer = (_seen, response) => void response.end('back');
    expect(await raw(get(`http://${site()}/`, site()))).toContain('back');
    expect((await world.rows())[0]?.verdict).toBe('cut');
  });

  it('tell what was refused, once', async () => {
    await raw(get('http://no.test/', 'no.test'));
    const ask = async (after: number) =>
      JSON.parse((await world.vault.host(`/egress-denials?run=run_1&after=${after}`)).text);
    const first = await ask(0);
    expect(first.denials.map((one: { message: string }) => one.message)).toEqual([
      'egress denied: no.test:80; allow with: holdfast vault egress tester allow no.test:80',
    ]);
    expect((await ask(first.last)).denials).toEqual([]);
  });
});
