import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startUpstream, type Upstream } from '../../src/testing/upstream.ts';
import { createVaultWorld, type VaultWorld } from '../../src/testing/vault-world.ts';

/**
 * Half-broken, doubled and hostile input at the vault's own doors: the model proxy on its sockets and its port, and every
 * route of credentials, changes and scans. Whatever comes, the vault answers the next caller, nothing it keeps is told, and
 * the provider sees one whole request for each that was let through.
 */
const KEY = 'sk-fuzz-canary-8Tz4Nq6Lw1';
let world: VaultWorld;
let upstream: Upstream;
let token: string;
const received: { url: string; body: string }[] = [];

beforeAll(async () => {
  upstream = await startUpstream((seen, response) => {
    received.push({ url: seen.url, body: seen.body });
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        id: 'x',
        object: 'chat.completion',
        model: 'm',
        choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: `echo ${KEY}` } }],
        usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
      }),
    );
  });
  world = await createVaultWorld({ tcpPort: 0 });
  await world.owner.putProvider('local', { wire: 'openai-chat', baseUrl: `http://127.0.0.1:${upstream.port}/v1` });
  await world.owner.putSecret('provider.local', Buffer.from(KEY));
  await world.owner.putBudget('*', { dailyUsd: null, monthlyUsd: null });
  token = (await world.owner.createCaller('fuzzer')).token;
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

type Where = 'socket' | 'port';

/** Writes the chunks and gives back what came until the other side closed or a moment after the last byte. */
function send(where: Where, chunks: readonly (string | Buffer)[], { half = false } = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket =
      where === 'socket' ? connect(world.home.vaultHostSocket) : connect(world.vault.tcpPort ?? 0, '127.0.0.1');
    let got = '';
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(got);
    };
    const timer = setTimeout(finish, 700);
    socket.on('data', (chunk: Buffer) => {
      got += chunk.toString('latin1');
    });
    socket.on('error', finish);
    socket.on('close', finish);
    for (const chunk of chunks) socket.write(chunk);
    if (half) socket.end();
  });
}

const BODY = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }] });
let calls = 0;
function head(where: Where, lines: readonly string[], path = '/model/local/chat/completions'): string {
  calls += 1;
  const who =
    where === 'socket'
      ? ['x-holdfast-agent: fuzzer', `x-holdfast-call: fuzz-${calls}`]
      : [`authorization: Bearer ${token}`];
  return [`POST ${path} HTTP/1.1`, 'host: 127.0.0.1', 'content-type: application/json', ...who, ...lines, '', ''].join(
    '\r\n',
  );
}

const lives = async (): Promise<number> => (await world.host('/status')).status;
const length = `content-length: ${BODY.length}`;
const where = fc.constantFrom<Where>('socket', 'port');

describe('the doors of the model proxy', { timeout: 120_000 }, () => {
  it.each<[string, readonly string[], string]>([
    ['two lengths', [length, 'content-length: 4'], BODY],
    ['a length and chunks', [length, 'transfer-encoding: chunked'], `0\r\n\r\n${BODY}`],
    ['chunks twice', ['transfer-encoding: chunked', 'transfer-encoding: identity'], `4\r\nabcd\r\n0\r\n\r\n`],
    ['an odd coding', ['transfer-encoding: xchunked'], BODY],
    ['a length with a sign', [`content-length: +${BODY.length}`], BODY],
    ['a length in hex', ['content-length: 0x20'], BODY],
    ['a space before the colon', [`content-length : ${BODY.length}`], BODY],
    ['a folded line', ['x-a: b', ' c: d', length], BODY],
    ['a NUL in a header', ['x-a: b\0c', length], BODY],
    ['a bare line feed', [`x-a: b\n${length}`], BODY],
    ['a head that is too long', [`x-a: ${'a'.repeat(20_000)}`, length], BODY],
    ['a hundred thousand headers', [...Array(3_000).keys()].map((n) => `x-${n}: ${n}`), BODY],
    ['a chunk that lies about its size', ['transfer-encoding: chunked'], `ffffffff\r\n${BODY}`],
  ])('refuse or end %s, and nothing of it reaches the provider', async (_name, lines, body) => {
    for (const door of ['socket', 'port'] as const) {
      const before = received.length;
      const answer = await send(door, [head(door, lines), body, 'POST /model/local/x HTTP/1.1\r\n\r\n']);
      expect(answer).not.toContain(KEY);
      expect(answer).not.toMatch(/^HTTP\/1\.1 200/);
      expect(received.length - before).toBe(0);
      expect(await lives()).toBe(200);
    }
  });

  it('take a request however it is cut, and pass each on once', async () => {
    await fc.assert(
      fc.asyncProperty(where, fc.array(fc.nat(400), { maxLength: 6 }), async (door, cuts) => {
        const before = received.length;
        const text = head(door, [length, 'connection: close']) + BODY;
        const at = [...new Set(cuts.map((cut) => cut % text.length))].sort((a, b) => a - b);
        const chunks = [0, ...at].map((from, index) => text.slice(from, at[index] ?? text.length));
        const answer = await send(door, chunks);
        expect(answer).toMatch(/^HTTP\/1\.1 200/);
        expect(answer).toContain('echo [secret]');
        expect(received.slice(before).map(({ body }) => body)).toEqual([BODY]);
      }),
      { numRuns: 25 },
    );
  });

  it('take a caller who ended its side for one that is gone, and charge at most what was sent', async () => {
    for (const door of ['socket', 'port'] as const) {
      const before = received.length;
      expect(await send(door, [head(door, [length]) + BODY], { half: true })).not.toContain(KEY);
      expect(await send(door, [head(door, [length]) + BODY.slice(0, 10)], { half: true })).not.toContain(KEY);
      expect(received.length - before).toBeLessThanOrEqual(1);
    }
    expect(await lives()).toBe(200);
  });

  it('never answer garbage with more than a refusal', async () => {
    const noise = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.constantFrom(
        '\r\n',
        'GET / HTTP/1.1\r\n',
        'POST /model/local/chat/completions HTTP/1.1\r\n',
        'content-length: 5\r\n',
        '\0',
      ),
    );
    await fc.assert(
      fc.asyncProperty(where, fc.array(noise, { maxLength: 5 }), async (door, parts) => {
        const answer = await send(door, parts, { half: true });
        expect(
          answer === '' || /^HTTP\/1\.1 4\d\d/.test(answer) || /^HTTP\/1\.1 200[\s\S]*"version"/.test(answer),
        ).toBe(true);
      }),
      { numRuns: 40 },
    );
    expect(await lives()).toBe(200);
  });

  it('judge any path and any body, and tell nothing', async () => {
    const path = fc.oneof(
      fc.webUrl({ withQueryParameters: true }).map((url) => new URL(url).pathname + new URL(url).search),
      fc.constantFrom(
        '/model/',
        '/model/local',
        '/model/local/',
        '/model//chat/completions',
        '/model/local/../../status',
        '/model/%2e%2e/secrets',
        '/model/local/chat/completions/../../x',
        '/secrets',
        '/credentials/x',
        '/credential-export',
        '/owner-keys',
        '/model/local/chat%2fcompletions',
      ),
    );
    await fc.assert(
      fc.asyncProperty(path, fc.json(), async (target, body) => {
        const before = received.length;
        const answer = await world.host(target, {
          method: 'POST',
          body,
          headers: { 'x-holdfast-agent': 'fuzzer', 'x-holdfast-call': `p-${calls++}` },
        });
        expect([target, answer.status >= 400 && answer.status < 500]).toEqual([target, true]);
        expect(answer.text).not.toContain(KEY);
        expect(received.length).toBe(before);
      }),
      { numRuns: 150 },
    );
  });
});

describe('the routes of credentials, changes, scans and the kill switch', { timeout: 120_000 }, () => {
  const ROUTES = [
    ['POST', '/scan'],
    ['POST', '/owner-changes'],
    ['POST', '/generated-credentials'],
    ['PUT', '/freeze'],
    ['DELETE', '/credential-grants/a/b'],
    ['GET', '/canaries/x'],
    ['GET', '/agent-credentials/x'],
  ] as const;
  const shaped = fc.oneof(
    fc.jsonValue(),
    fc.record(
      { messages: fc.array(fc.array(fc.string())), agent: fc.string(), outbound: fc.boolean() },
      { requiredKeys: [] },
    ),
    fc.record(
      { payload: fc.oneof(fc.json(), fc.string()), key: fc.string(), signature: fc.base64String() },
      { requiredKeys: [] },
    ),
    fc.record(
      { agent: fc.string(), name: fc.string(), length: fc.double(), charset: fc.string(), reason: fc.string() },
      { requiredKeys: [] },
    ),
  );

  it('take any JSON with an answer that is theirs, and are there for the next', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...ROUTES), shaped, async ([method, path], body) => {
        const answer = await world.host(path, { method, body: JSON.stringify(body) });
        expect([path, body, answer.status < 500]).toEqual([path, body, true]);
        expect(answer.text).not.toContain(KEY);
      }),
      { numRuns: 400 },
    );
    expect(world.logs.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });

  it('take bytes that are no JSON, and names that are no names', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...ROUTES),
        fc.uint8Array({ maxLength: 400 }),
        fc.string({ maxLength: 30 }),
        async ([method, path], bytes, name) => {
          const answer = await world.host(path, { method, body: Buffer.from(bytes) });
          expect([path, answer.status < 500]).toEqual([path, true]);
          const named = await world.host(`${path}/${encodeURIComponent(name)}`, { method, body: '{}' });
          expect([name, named.status < 500]).toEqual([name, true]);
        },
      ),
      { numRuns: 150 },
    );
    expect(await lives()).toBe(200);
  });
});
