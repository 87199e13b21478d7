/** Random and half-broken input: the proxy never crashes, never lets a denied place through, and reads TLS the same however it is cut. */

import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startUpstream, type Upstream } from '../../src/testing/upstream.ts';
import { readClientHello } from '../../src/vault/egress/proxy/client-hello.ts';
import { clientHello, createEgressWorld, type EgressWorld } from './egress-world.ts';

describe('the reader of ClientHello', () => {
  it('finds the same name however records and packets are cut', async () => {
    const hello = await clientHello('secure.example.test');
    const body = hello.subarray(5);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: body.length - 1 }), { maxLength: 20 }), (cuts) => {
        const edges = [0, ...new Set(cuts.sort((a, b) => a - b)), body.length];
        const records = edges.slice(1).map((end, index) => {
          const part = body.subarray(edges[index], end);
          return Buffer.concat([Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part]);
        });
        const all = Buffer.concat(records);
        expect(readClientHello(all)).toEqual({ kind: 'hello', serverName: 'secure.example.test' });
        expect(readClientHello(Buffer.concat([all, Buffer.from('more')])).kind).toBe('hello');
      }),
    );
    for (let length = 0; length < hello.length; length += 1) {
      const answer = readClientHello(hello.subarray(0, length));
      expect(answer.kind).toBe('more');
      if (answer.kind === 'more') expect(answer.atLeast).toBeGreaterThan(length);
    }
  });

  it('answers anything, and a changed byte never makes it name nothing it can read otherwise', async () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => void readClientHello(Buffer.from(bytes)).kind),
    );
    const hello = await clientHello('secure.example.test');
    fc.assert(
      fc.property(fc.integer({ min: 0, max: hello.length - 1 }), fc.integer({ min: 0, max: 255 }), (at, value) => {
        const changed = Buffer.from(hello);
        changed[at] = value;
        const answer = readClientHello(changed);
        if (answer.kind === 'hello' && answer.serverName !== undefined)
          expect(changed.toString('latin1').toLowerCase()).toContain(answer.serverName);
      }),
      { numRuns: 2_000 },
    );
  });

  it('refuses two names, a second extension of the kind, and a name with a NUL', async () => {
    const hello = await clientHello('aaaaaaaa.test');
    const text = hello.toString('latin1');
    const nul = Buffer.from(text.replace('aaaaaaaa.test', 'aaaa\0aaa.test'), 'latin1');
    expect(readClientHello(nul).kind).toBe('bad');
  });
});

describe('a door', () => {
  let world: EgressWorld;
  let upstream: Upstream;
  let path: string;
  beforeAll(async () => {
    world = await createEgressWorld();
    upstream = await startUpstream((_seen, response) => void response.end('ok'));
    world.names['site.test'] = ['127.0.0.1'];
    world.names['denied.test'] = ['127.0.0.1'];
    await world.except('site.test', upstream.port);
    await world.except('denied.test', upstream.port);
    await world.allow(`GET@http://site.test:${upstream.port}/pub/*`);
    path = await world.door();
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });

  const send = (bytes: Buffer): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect(path);
      const timer = setTimeout(() => socket.destroy(), 300);
      socket.on('error', () => undefined).resume();
      socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      socket.end(bytes);
    });

  const onlyAllowed = (): void => {
    const wrong = upstream.requests.filter(
      (seen) =>
        seen.method !== 'GET' || !seen.url.startsWith('/pub/') || seen.headers.host !== `site.test:${upstream.port}`,
    );
    expect(wrong).toEqual([]);
  };

  it('lives through garbage', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), (bytes) => send(Buffer.from(bytes))),
      { numRuns: 60 },
    );
    onlyAllowed();
  }, 60_000);

  it('lets only what the rules name reach the origin, whatever is put into requests', async () => {
    const port = upstream.port;
    const targets = [
      `http://site.test:${port}/pub/a`,
      `http://site.test:${port}/secret`,
      `http://denied.test:${port}/pub/a`,
      `http://site.test:${port}/pub/../x`,
      '/pub/a',
      `site.test:${port}`,
    ];
    const lines = [
      `Host: site.test:${port}`,
      `Host: denied.test:${port}`,
      'Content-Length: 0',
      'Content-Length: 40',
      'Content-Length: 4\r\nContent-Length: 40',
      'Transfer-Encoding: chunked',
      'Transfer-Encoding: xchunked',
      'Transfer-Encoding:\x0bchunked',
      'Connection: keep-alive, content-length, host',
      'Connection: close',
      'Upgrade: websocket\r\nConnection: upgrade',
      'Expect: 100-continue',
      'X: a\r\n b',
      'X: a\nY: b',
      '\rHost: site.test',
      'Host : denied.test',
      'Proxy-Connection: keep-alive',
      `X-Forwarded-Host: denied.test`,
    ];
    /** Mostly right, so that one wrong thing at a time gets deep. */
    const mostly = (right: string, ...wrong: string[]) =>
      fc.oneof({ weight: 6, arbitrary: fc.constant(right) }, { weight: 1, arbitrary: fc.constantFrom(...wrong) });
    const request = fc.record({
      method: mostly('GET', 'POST', 'CONNECT', 'HEAD', 'OPTIONS', 'get', 'G\tET'),
      target: fc.oneof(fc.constant(targets[0] ?? ''), fc.constantFrom(...targets)),
      version: mostly('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'http/1.1', ''),
      headers: fc
        .array(mostly(lines[0] ?? '', ...lines), { minLength: 1, maxLength: 1 })
        .chain((first) => fc.array(fc.constantFrom(...lines), { maxLength: 3 }).map((more) => [...first, ...more])),
      body: mostly(
        '',
        '0\r\n\r\n',
        '4\r\nabcd\r\n0\r\n\r\n',
        `GET http://site.test:${port}/secret HTTP/1.1\r\nHost: site.test:${port}\r\n\r\n`,
        'ffffffffffffffff\r\nx',
        '4;x=\r\nabcd\r\n0\r\nHost: denied.test\r\n\r\n',
      ),
      end: mostly('\r\n', '\n', '\r'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 3 }), (all) =>
        send(
          Buffer.from(
            all
              .map(({ method, target, version, headers, body, end }) =>
                [`${method} ${target} ${version}`, ...headers, '', body].join(end),
              )
              .join(''),
            'latin1',
          ),
        ),
      ),
      { numRuns: 1_000 },
    );
    onlyAllowed();
    expect(upstream.requests.length).toBeGreaterThan(0);
    expect((await world.rows()).every((row) => row.verdict === 'denied' || row.host === 'site.test')).toBe(true);
  }, 90_000);

  it('still works', async () => {
    const before = upstream.requests.length;
    await send(
      Buffer.from(
        `GET http://site.test:${upstream.port}/pub/last HTTP/1.1\r\nHost: site.test:${upstream.port}\r\nConnection: close\r\n\r\n`,
      ),
    );
    expect(upstream.requests.length).toBe(before + 1);
    expect(world.vault.logs.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });
});
