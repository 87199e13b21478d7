import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi } from '../../src/host/api/api.ts';
import { contentDisposition } from '../../src/host/api/routes/content.ts';
import { HoldfastConfig } from '../../src/protocol/config.ts';
import { createGateway, type Gateway, until } from '../gateway/gateway.ts';

/** Attacks on the gateway, each with the refusal we promise. */
let gateway: Gateway;
let webRoot: string;
beforeAll(async () => {
  webRoot = await mkdtemp(join(tmpdir(), 'hf-web-'));
  await mkdir(join(webRoot, 'assets'));
  await writeFile(join(webRoot, 'index.html'), '<!doctype html><title>Holdfast</title><div id="root"></div>');
  await writeFile(join(webRoot, 'assets', 'app-DkX91zQa.js'), `export const text = '${'holdfast '.repeat(500)}';`);
  await writeFile(join(webRoot, '.env'), 'SECRET=1');
  await symlink('/etc/passwd', join(webRoot, 'assets', 'passwd.txt'));
  gateway = await createGateway({ webRoot, limits: { headersMs: 300, requestMs: 600 } });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await rm(webRoot, { recursive: true, force: true });
});

/** Sends these very bytes and gives back all that comes until the connection ends or the time is up. */
function speak(text: string, options: { waitMs?: number; more?: string } = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(gateway.api.port, '127.0.0.1');
    let reply = '';
    const timer = setTimeout(() => socket.destroy(), options.waitMs ?? 8_000);
    socket.on('data', (part) => {
      reply += part.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(reply);
    });
    socket.write(text);
  });
}

const host = (): string => `127.0.0.1:${gateway.api.port}`;

describe('without a login', () => {
  it.each(['/api/status', '/api/agents', '/api/artifacts/art_1/content', '/api/session', '/api/nothing'])(
    '%s answers 401 and the remedy',
    async (path) => {
      const reply = await gateway.fetch(path);
      expect(reply.status).toBe(401);
      expect(reply.json()).toMatchObject({ code: 'unauthenticated', remedy: expect.stringContaining('holdfast') });
    },
  );

  it.each([
    ['an empty bearer', { authorization: 'Bearer ' }],
    ['a token without our prefix', { authorization: 'Bearer abc' }],
    ['basic auth', { authorization: 'Basic b3duZXI6b3duZXI=' }],
    ['a made-up cookie', { cookie: 'holdfast_session=AAAA' }],
    ['SQL in a cookie', { cookie: "holdfast_session=' OR 1=1 --" }],
    ['a bearer beside a good path', { authorization: 'Bearer hf_x', cookie: 'a=b' }],
  ])('%s answers 401', async (_what, headers) => {
    expect((await gateway.fetch('/api/status', { headers })).status).toBe(401);
  });

  it('only the health of the host is told, and nothing else about it', async () => {
    const reply = await gateway.fetch('/healthz');
    expect(reply.json()).toEqual({ ok: true });
  });

  it('a bad bearer is not rescued by a good cookie', async () => {
    const { cookie } = await gateway.browser();
    const headers = { cookie, authorization: 'Bearer hf_wrong' };
    expect((await gateway.fetch('/api/status', { headers })).status).toBe(401);
  });
});

describe('DNS rebinding', () => {
  it.each([
    'evil.example',
    'evil.example:7420',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '127.0.0.1',
    '[::1]',
  ])('Host "%s" is refused, also with a login', async (name) => {
    const { cookie } = await gateway.browser();
    const named = name === 'evil.example' ? `evil.example:${gateway.api.port}` : name;
    const reply = await gateway.fetch('/api/status', { headers: { cookie, host: named } });
    expect(reply.status).toBe(403);
    expect(reply.text).not.toContain('lastSeq');
  });

  it('our own names are answered', async () => {
    const { cookie } = await gateway.browser();
    for (const name of ['127.0.0.1', 'localhost', 'LOCALHOST', '[::1]']) {
      const headers = { cookie, host: `${name}:${gateway.api.port}` };
      expect((await gateway.fetch('/api/status', { headers })).status, name).toBe(200);
    }
  });

  it.each(['Host:', 'Host: ', 'Host: @', 'X-Host: none'])('"%s" is refused', async (line) => {
    const reply = await speak(`GET /healthz HTTP/1.1\r\n${line}\r\nConnection: close\r\n\r\n`);
    expect(reply).toMatch(/^HTTP\/1\.1 40[03]/);
  });

  it('two Host headers are refused', async () => {
    const reply = await speak(
      `GET /healthz HTTP/1.1\r\nHost: ${host()}\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
    );
    expect(reply).toMatch(/^HTTP\/1\.1 40[03]/);
  });

  it('an absolute request line does not stand in for the Host header', async () => {
    const reply = await speak(
      `GET http://${host()}/healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
    );
    expect(reply).toMatch(/^HTTP\/1\.1 403/);
  });
});

describe('other sites', () => {
  it.each([
    ['a foreign Origin', { origin: 'https://evil.example' }],
    ['another port of this machine', { origin: 'http://127.0.0.1:3000' }],
    ['an opaque Origin', { origin: 'null' }],
    ['a fetch that says cross-site', { 'sec-fetch-site': 'cross-site' }],
    ['a fetch that says same-site', { 'sec-fetch-site': 'same-site' }],
    [
      'a navigation to the API',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    ],
  ])('%s is refused, for reading too', async (_what, extra) => {
    const { headers } = await gateway.browser();
    const reply = await gateway.fetch('/api/status', { headers: { ...headers, ...extra } });
    expect(reply.status).toBe(403);
    expect(reply.json()).toMatchObject({ code: 'forbidden' });
  });

  it('get no CORS header, not even for a preflight', async () => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
    const reply = await gateway.fetch('/api/tokens', { method: 'OPTIONS', headers });
    expect(reply.status).toBe(403);
    const own = await gateway.fetch('/api/status', { headers: { ...(await gateway.browser()).headers } });
    for (const { headers: given } of [reply, own]) {
      expect(Object.keys(given).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  it.each([
    ['no CSRF token', (all: Record<string, string>) => ({ ...all, 'x-holdfast-csrf': '' })],
    ['a wrong CSRF token', (all: Record<string, string>) => ({ ...all, 'x-holdfast-csrf': 'a'.repeat(43) })],
    ['no Origin', ({ origin: _origin, ...rest }: Record<string, string>) => rest],
  ])('a change with a cookie and %s is refused', async (_what, change) => {
    const { headers } = await gateway.browser();
    const post = (given: Record<string, string>) =>
      gateway.fetch('/api/agents/operator/messages', { method: 'POST', body: '{"text":"hello"}', headers: given });
    const before = gateway.control.messages.length;
    expect((await post(change(headers))).status).toBe(403);
    expect(gateway.control.messages).toHaveLength(before);
    expect((await post(headers)).status).toBe(200);
  });

  it("another login's CSRF token is refused", async () => {
    const [one, two] = [await gateway.browser(), await gateway.browser()];
    const headers = { ...one.headers, 'x-holdfast-csrf': two.headers['x-holdfast-csrf'] ?? '' };
    expect((await gateway.fetch('/api/logout', { method: 'POST', headers })).status).toBe(403);
  });

  it('cannot come in through a forwarded unix socket', async () => {
    for (const headers of [{ origin: 'http://localhost:9000' }, { 'sec-fetch-site': 'same-origin' }]) {
      expect((await gateway.fetch('/api/status', { headers, viaSocket: true })).status).toBe(403);
    }
  });
});

describe('the unix socket', () => {
  it('can be opened by its owner only', async () => {
    expect((await stat(gateway.socketPath)).mode & 0o777).toBe(0o600);
  });

  it('is taken over when nobody answers it, and not when somebody does', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'hf-sock-'));
    const socketPath = join(directory, 'host.sock');
    await writeFile(socketPath, '');
    const options = {
      control: gateway.control,
      access: gateway.access,
      config: HoldfastConfig.parse({ server: { port: 0 } }),
      socketPath,
      webRoot,
      log: { debug() {}, info() {}, warn() {}, error() {}, child: () => options.log },
      clock: gateway.clock,
      version: '0.1.0',
    };
    const first = await createApi(options);
    await expect(createApi(options)).rejects.toMatchObject({
      code: 'conflict',
      remedy: expect.stringContaining('stop'),
    });
    await first[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });
});

describe('the address', () => {
  it('in use is said with the port and the option that changes it', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await until('the other server listens', () => other.listening);
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(createGateway({ server: { port } })).rejects.toMatchObject({
      code: 'port.in-use',
      message: expect.stringContaining(String(port)),
      remedy: expect.stringContaining('--port'),
    });
    other.close();
  });

  it('that others can reach needs a word of the owner', async () => {
    await expect(createGateway({ server: { host: '0.0.0.0' } })).rejects.toMatchObject({
      code: 'config.invalid',
      remedy: expect.stringContaining('allowRemote'),
    });
    await using open = await createGateway({ server: { host: '0.0.0.0', allowRemote: true } });
    expect((await open.fetch('/healthz')).status).toBe(200);
    expect((await open.fetch('/healthz', { headers: { host: `evil.example:${open.api.port}` } })).status).toBe(403);
  });
});

describe('headers', () => {
  it('of every reply forbid framing, sniffing and telling', async () => {
    const { cookie } = await gateway.browser();
    const paths = ['/', '/healthz', '/api/status', '/login?token=x', '/nothing.js', '/api/artifacts/art_1/content'];
    for (const path of paths) {
      const { headers } = await gateway.fetch(path, { headers: { cookie } });
      expect(headers['x-content-type-options'], path).toBe('nosniff');
      expect(headers['referrer-policy'], path).toBe('no-referrer');
      expect(headers['cross-origin-opener-policy'], path).toBe('same-origin');
      expect(headers['cross-origin-resource-policy'], path).toBe('same-origin');
      expect(headers['content-security-policy'], path).toMatch(/default-src '(self|none)'.*frame-ancestors 'none'/);
      expect(headers['content-security-policy'], path).not.toMatch(/unsafe|script-src[^;]*\*/);
      expect(headers['x-powered-by'], path).toBeUndefined();
    }
  });

  it('hand out what an agent made as a download that can do nothing', async () => {
    const { cookie } = await gateway.browser();
    const reply = await gateway.fetch('/api/artifacts/art_1/content', { headers: { cookie } });
    expect(reply.text).toBe('<script>alert(1)</script>');
    expect(reply.headers['content-disposition']).toBe(
      `attachment; filename="report.html"; filename*=UTF-8''report.html`,
    );
    expect(reply.headers['content-security-policy']).toMatch(/default-src 'none'.*sandbox/);
  });

  it.each([
    [
      'a"; filename="b.exe',
      `attachment; filename="a__ filename__b.exe"; filename*=UTF-8''a%22%3B%20filename%3D%22b.exe`,
    ],
    [
      'x\r\nSet-Cookie: a=b',
      `attachment; filename="x__Set-Cookie_ a_b"; filename*=UTF-8''x%0D%0ASet-Cookie%3A%20a%3Db`,
    ],
    ['../../etc/passwd', `attachment; filename="passwd"; filename*=UTF-8''passwd`],
    [
      'Bericht für März.md',
      `attachment; filename="Bericht f_r M_rz.md"; filename*=UTF-8''Bericht%20f%C3%BCr%20M%C3%A4rz.md`,
    ],
  ])('cannot be made longer by an artifact named %j', async (name, expected) => {
    expect(contentDisposition(name)).toBe(expected);
    gateway.control.artifact = { ...gateway.control.artifact, name, mediaType: 'text/html\r\nset-cookie: a=b' };
    const { cookie } = await gateway.browser();
    const reply = await gateway.fetch('/api/artifacts/art_1/content', { headers: { cookie } });
    expect(reply.status).toBe(200);
    expect(reply.headers['set-cookie']).toBeUndefined();
    expect(reply.headers['content-type']).toBe('application/octet-stream');
  });
});

describe('the files of the dashboard', () => {
  it.each([
    '/../etc/passwd',
    '/assets/../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/assets/..%2f..%2f..%2fetc%2fpasswd',
    '/assets/%2e%2e%5c%2e%2e%5cetc%5cpasswd',
    '/assets//....//etc/passwd',
    '/assets/passwd.txt',
    '/.env',
    '/assets/app-DkX91zQa.js%00.png',
    '/%c0%ae%c0%ae/etc/passwd',
    '/%',
  ])('%s leads nowhere', async (path) => {
    const reply = await speak(`GET ${path} HTTP/1.1\r\nHost: ${host()}\r\nConnection: close\r\n\r\n`);
    expect(reply).toMatch(/^HTTP\/1\.1 40[0-4]/);
    expect(reply).not.toMatch(/root:|SECRET/);
  });

  it('are compressed, and kept for ever where their name says what is in them', async () => {
    const reply = await gateway.fetch('/assets/app-DkX91zQa.js', { headers: { 'accept-encoding': 'gzip, br' } });
    expect(reply.status).toBe(200);
    expect(reply.headers['content-encoding']).toBe('br');
    expect(reply.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(Number(reply.headers['content-length'])).toBeLessThan(500);
    const again = { 'if-none-match': reply.headers.etag ?? '' };
    expect((await gateway.fetch('/assets/app-DkX91zQa.js', { headers: again })).status).toBe(304);
  });

  it('the page itself needs a login and is asked for again each time, at every path of its own', async () => {
    const accept = 'text/html,application/xhtml+xml';
    for (const path of ['/', '/chat/operator', '/runs/run_1']) {
      const stranger = await gateway.fetch(path, { headers: { accept } });
      expect(stranger.status, path).toBe(401);
      expect(stranger.text).toContain('holdfast dashboard');
      const { cookie } = await gateway.browser();
      const reply = await gateway.fetch(path, { headers: { accept, cookie } });
      expect(reply.text).toContain('<div id="root">');
      expect(reply.headers['cache-control']).toBe('no-cache');
      expect(reply.headers['content-security-policy']).toContain(`connect-src 'self' ws://${host()}`);
    }
  });

  it('say what to type when they were never built', async () => {
    await using bare = await createGateway();
    const { cookie } = await bare.browser();
    const reply = await bare.fetch('/', { headers: { cookie } });
    expect(reply.status).toBe(503);
    expect(reply.text).toContain('npm run setup');
  });
});

describe('too much and too slow', () => {
  it('a declared body of more than a megabyte is refused before it is read', async () => {
    const { authorization } = await gateway.token();
    const reply = await speak(
      `POST /api/agents/operator/messages HTTP/1.1\r\nHost: ${host()}\r\nAuthorization: ${authorization}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 999999999\r\n\r\n{"text":"',
    );
    expect(reply).toMatch(/^HTTP\/1\.1 413/);
    expect(reply).toContain('"code":"too-large"');
  });

  it('a body that goes on and on is cut', async () => {
    const { authorization } = await gateway.token();
    const chunk = `10000\r\n${'a'.repeat(65_536)}\r\n`;
    const reply = await speak(
      `POST /api/agents/operator/messages HTTP/1.1\r\nHost: ${host()}\r\nAuthorization: ${authorization}\r\n` +
        `Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(20)}`,
    );
    expect(reply).toMatch(/^HTTP\/1\.1 413/);
    expect((await gateway.fetch('/healthz')).status).toBe(200);
  });

  it('headers without end are refused', async () => {
    const reply = await speak(`GET /healthz HTTP/1.1\r\nHost: ${host()}\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`);
    expect(reply).toMatch(/^HTTP\/1\.1 431/);
  });

  it('a client that never finishes its headers is let go', async () => {
    const startedAt = Date.now();
    const reply = await speak(`GET /healthz HTTP/1.1\r\nHost: ${host()}\r\n`);
    expect(reply).toMatch(/^HTTP\/1\.1 408/);
    expect(Date.now() - startedAt).toBeLessThan(7_000);
  });

  it('a client that never finishes its body is let go', async () => {
    const { authorization } = await gateway.token();
    const reply = await speak(
      `POST /api/agents/operator/messages HTTP/1.1\r\nHost: ${host()}\r\nAuthorization: ${authorization}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"text":"',
    );
    expect(reply).not.toMatch(/^HTTP\/1\.1 2/);
    expect(gateway.control.messages.some(({ text }) => text === '')).toBe(false);
  });

  it.each([
    [
      'a smuggled length',
      'POST /api/tokens HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a line break in a header', 'GET /healthz HTTP/1.1\r\nHost: HOST\r\nX-A: b\rc\r\n\r\n'],
    ['no HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
  ])('%s is refused', async (_what, text) => {
    expect(await speak(text.replace('HOST', host()))).toMatch(/^HTTP\/1\.1 400/);
  });
});
