import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CLIENT, type OAuthServer, startOAuthServer } from '../../../testing/oauth-server.ts';
import { createServiceWorld, type ServiceWorld } from '../../../testing/service-world.ts';
import { startUpstream, type Upstream } from '../../../testing/upstream.ts';
import { signV4 } from '../aws/sigv4.ts';

const { privateKey: serviceKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const PEM = serviceKey.export({ type: 'pkcs8', format: 'pem' }).toString();
let world: ServiceWorld;
let oauth: OAuthServer;
let api: Upstream;
let now: number;

beforeEach(async () => {
  now = Date.now();
  world = await createServiceWorld({ now: () => now });
  oauth = await startOAuthServer(serviceKey);
  api = await startUpstream((seen, response) => void response.end(`you are ${seen.headers.authorization}`));
  for (const { port } of [oauth.upstream, api]) await world.except('127.0.0.1', port);
});
afterEach(async () => {
  await oauth[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const client = () => ({
  client_id: CLIENT.id,
  token_url: `${oauth.url}/token`,
  device_url: `${oauth.url}/device`,
  authorize_url: `${oauth.url}/authorize`,
});
const withRefresh = () => ({ ...client(), client_secret: CLIENT.secret, refresh_token: oauth.refreshToken() });
const lastToken = () => api.requests.at(-1)?.headers.authorization;
const login = (path: string, body: object) => world.owner('POST', `/services/acme/login${path}`, body);

async function setUp(kind: string, parts: Record<string, string>, more: object = {}): Promise<void> {
  await world.credential('acme', kind, parts);
  await world.service('acme', { baseUrl: api.url, ...more });
}
const ask = () => world.ask({ service: 'acme', url: '/x' });

describe('an OAuth2 credential', () => {
  it('is refreshed once for many requests, and the answer does not bring the token back', async () => {
    await setUp('oauth2', withRefresh());
    let open = (): void => undefined;
    oauth.gate = new Promise((resolve) => {
      open = resolve;
    });
    const asked = Array.from({ length: 20 }, ask);
    while (oauth.upstream.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    open();
    const answers = await Promise.all(asked);
    expect(answers.map(({ text }) => text)).toEqual(answers.map(() => 'you are Bearer [secret]'));
    expect(oauth.upstream.requests.length).toBe(1);
    expect(lastToken()).toBe(`Bearer ${oauth.accessTokens.at(-1)}`);
  });

  it('keeps a rotated refresh token through the death of the vault', async () => {
    const first = oauth.refreshToken();
    await setUp('oauth2', withRefresh());
    await ask();
    expect(oauth.refreshToken()).not.toBe(first);
    await world.vault.restart();
    expect((await ask()).status).toBe(200);
    expect(oauth.upstream.requests.length).toBe(1);
    now += 4_000_000;
    expect((await ask()).status).toBe(200);
    expect(oauth.accessTokens.length).toBe(2);
    now += 4_000_000;
    await world.vault.restart();
    expect((await ask()).status).toBe(200);
    expect(oauth.accessTokens.length).toBe(3);
  });

  it('tells why it cannot be renewed, does not storm, and goes on after a new login', async () => {
    await setUp('oauth2', withRefresh());
    oauth.failWith = 'invalid_grant';
    const refused = await ask();
    expect([refused.code, refused.message]).toEqual(['tool.failed', expect.stringContaining('invalid_grant')]);
    await Promise.all(Array.from({ length: 10 }, ask));
    expect([oauth.upstream.requests.length, api.requests.length]).toEqual([1, 0]);
    oauth.failWith = undefined;
    const rotated = await world.owner('PUT', '/credentials/acme', withRefresh());
    expect([rotated.status, (await ask()).status]).toEqual([204, 200]);
  });

  it('gets another token when the service refuses the one it has', async () => {
    await setUp('oauth2', withRefresh());
    await api[Symbol.asyncDispose]();
    let revoked = '';
    api = await startUpstream((seen, response) => {
      const isRevoked = seen.headers.authorization === `Bearer ${revoked}`;
      response.writeHead(isRevoked ? 401 : 200).end(isRevoked ? 'no' : 'yes');
    });
    await world.except('127.0.0.1', api.port);
    await world.service('acme', { baseUrl: api.url });
    expect((await ask()).text).toBe('yes');
    revoked = oauth.accessTokens.at(-1) ?? '';
    expect((await ask()).head?.status).toBe(401);
    expect((await ask()).text).toBe('yes');
    expect(oauth.accessTokens.length).toBe(2);
  });

  it('without a refresh token uses the client credentials', async () => {
    await setUp('oauth2', { ...client(), client_secret: CLIENT.secret });
    expect((await ask()).status).toBe(200);
    expect(oauth.upstream.requests.at(-1)?.body).toContain('grant_type=client_credentials');
  });
});

describe('a login', () => {
  beforeEach(() => setUp('oauth2', client(), { scopes: ['read', 'write'] }));

  it('by device waits for the person, and is good afterwards', async () => {
    expect((await ask()).message).toContain('nobody has logged in yet');
    const started = await login('', { flow: 'device' });
    expect(started.json).toMatchObject({
      userCode: 'ABCD-EFGH',
      verificationUri: `${oauth.url}/activate`,
      intervalMs: 1_000,
    });
    expect(started.text).not.toContain('device-code-1');
    expect(oauth.upstream.requests.at(-1)?.body).toContain('scope=read+write');
    const { loginId } = Object(started.json);
    expect((await login('/finish', { loginId })).json).toMatchObject({ state: 'pending' });
    oauth.approveDevice();
    const done = await login('/finish', { loginId });
    expect(done.json).toEqual({ state: 'done' });
    expect((await ask()).status).toBe(200);
    expect((await login('/finish', { loginId })).status).toBe(500);
  });

  it('by browser proves itself with PKCE and takes only its own state', async () => {
    const started = await login('', { flow: 'code', redirectPort: 4_321 });
    const { loginId, authorizationUrl } = Object(started.json);
    const { searchParams } = new URL(authorizationUrl);
    expect(Object.fromEntries(searchParams)).toMatchObject({
      response_type: 'code',
      client_id: CLIENT.id,
      redirect_uri: 'http://127.0.0.1:4321/callback',
      code_challenge_method: 'S256',
      scope: 'read write',
    });
    const { code, state } = oauth.visit(authorizationUrl);
    const forged = await login('/finish', { loginId, code, state: `${state}x` });
    expect(forged.text).toContain('does not belong to it');
    expect(oauth.upstream.requests.length).toBe(0);
    expect((await login('/finish', { loginId, code, state })).json).toEqual({ state: 'done' });
    expect((await ask()).status).toBe(200);
    expect(lastToken()).toBe(`Bearer ${oauth.accessTokens.at(-1)}`);
  });

  it('is the owner’s alone', async () => {
    const body = JSON.stringify({ flow: 'device' });
    expect((await world.vault.host('/services/acme/login', { method: 'POST', body })).status).toBe(403);
  });
});

describe('a Google service account', () => {
  it('signs an assertion that its public key verifies, with the scopes of the service', async () => {
    const parts = { client_email: 'robot@example.org', private_key: PEM, token_uri: `${oauth.url}/token` };
    await setUp('google-service-account', parts, { scopes: ['https://www.googleapis.com/auth/drive.readonly'] });
    expect((await ask()).text).toBe('you are Bearer [secret]');
    const assertion = new URLSearchParams(oauth.upstream.requests.at(-1)?.body).get('assertion') ?? '';
    const claims = JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString('utf8'));
    expect(claims).toMatchObject({
      iss: 'robot@example.org',
      scope: 'https://www.googleapis.com/auth/drive.readonly',
      aud: `${oauth.url}/token`,
    });
    await ask();
    expect(oauth.upstream.requests.length).toBe(1);
    now += 3_600_000;
    expect((await ask()).status).toBe(500); // The server's clock is the real one: a token of the future is refused.
  });

  it('with a key that cannot sign says so without showing it', async () => {
    const parts = {
      client_email: 'r@example.org',
      private_key: 'not-a-key-0123456789',
      token_uri: `${oauth.url}/token`,
    };
    await setUp('google-service-account', parts);
    const asked = await ask();
    expect(asked.message).toContain('not an RSA key');
    expect(asked.text).not.toContain('not-a-key');
  });
});

describe('a GitHub App', () => {
  it('turns its key into an installation token, which git can use too', async () => {
    const parts = { app_id: '7', installation_id: '42', private_key: PEM, base_url: oauth.url };
    await setUp('github-app', parts);
    expect((await ask()).text).toBe('you are Bearer [secret]');
    expect(lastToken()).toBe(`Bearer ${oauth.accessTokens.at(-1)}`);
    await world.service('acme', { baseUrl: api.url, placement: { kind: 'basic' } });
    await ask();
    const pair = Buffer.from(lastToken()?.replace('Basic ', '') ?? '', 'base64').toString('utf8');
    expect(pair).toBe(`x-access-token:${oauth.accessTokens.at(-1)}`);
    expect(oauth.upstream.requests.length).toBe(1);
  });
});

describe('an AWS credential', () => {
  it('signs what is sent, and the session token goes with it', async () => {
    const parts = {
      access_key_id: 'AKIDEXAMPLE',
      secret_access_key: 'wJalrXUtnFEMI-secret',
      session_token: 'session-token-1',
    };
    await setUp('aws', parts, { placement: { kind: 'sigv4', service: 'dynamodb', region: 'eu-central-1' } });
    const headers = { 'content-type': 'application/x-amz-json-1.0', 'X-Amz-Target': 'DynamoDB_20120810.ListTables' };
    await world.ask({ service: 'acme', url: '/?b=2&a=1', method: 'POST', headers, body: '{"Limit":1}' });
    const seen = api.requests.at(-1);
    const signed = /SignedHeaders=([^,]+)/.exec(seen?.headers.authorization ?? '')?.[1]?.split(';') ?? [];
    expect(signed).toEqual(expect.arrayContaining(['host', 'x-amz-date', 'x-amz-security-token', 'x-amz-target']));
    const again = signV4(
      {
        ...{ method: 'POST', path: '/', query: 'b=2&a=1', body: Buffer.from('{"Limit":1}') },
        headers: signed
          .filter((name) => !/^x-amz-(date|security-token)$/.test(name))
          .map((name) => [name, String(seen?.headers[name])]),
      },
      { accessKeyId: parts.access_key_id, secretAccessKey: parts.secret_access_key, sessionToken: parts.session_token },
      { service: 'dynamodb', region: 'eu-central-1', now: new Date(now) },
    );
    expect(seen?.headers.authorization).toBe(again.authorization);
    expect(seen?.headers['x-amz-security-token']).toBe('session-token-1');
  });
});

describe('a client certificate', () => {
  it('opens a server that demands one, whose own certificate is checked', async () => {
    const made = makeAuthority();
    const server = createServer(
      { key: made.key, cert: made.cert, ca: made.authority, requestCert: true, rejectUnauthorized: true },
      (request, response) => response.end(`hello ${(request.socket as TLSSocket).getPeerCertificate().subject.CN}`),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    world.names['secure.test'] = ['127.0.0.1'];
    await world.except('secure.test', port);
    await world.credential('bank', 'mtls', { certificate: made.clientCert, private_key: made.clientKey });
    await world.service('bank', { baseUrl: `https://secure.test:${port}`, placement: { kind: 'none' } });
    const wanted = { service: 'bank', url: '/x' };
    const doubted = await world.ask(wanted);
    expect([doubted.code, doubted.text]).toEqual(['tool.failed', expect.stringContaining('holdfast vault trust')]);
    expect((await world.owner('PUT', '/trusted-authorities/home', made.authority)).status).toBe(204);
    expect((await world.ask(wanted)).text).toBe('hello robot');
    await world.allow(`secure.test:${port}`);
    expect((await world.ask({ url: `https://secure.test:${port}/` }, 'stranger')).code).toBe('egress.denied');
    await world.owner('DELETE', `/credential-grants/${world.agent}/bank`);
    expect((await world.ask({ url: `https://secure.test:${port}/` })).code).toBe('tool.failed');
    await new Promise((resolve) => server.close(resolve));
  });
});

function makeAuthority() {
  const directory = mkdtempSync(join(tmpdir(), 'hf-mtls-'));
  const run = (script: string): void => void execFileSync('sh', ['-ec', script], { cwd: directory, stdio: 'ignore' });
  const key = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
  run(`openssl req -x509 ${key} -days 2 -subj /CN=authority -keyout ca.key -out ca.pem -addext basicConstraints=critical,CA:TRUE
    printf 'subjectAltName=DNS:secure.test' > san
    openssl req ${key} -subj /CN=secure.test -keyout server.key -out server.csr
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out server.pem
    openssl req ${key} -subj /CN=robot -keyout client.key -out client.csr
    openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out client.pem`);
  const read = (name: string): string => readFileSync(join(directory, name), 'utf8');
  const made = {
    authority: read('ca.pem'),
    ...{ key: read('server.key'), cert: read('server.pem') },
    ...{ clientKey: read('client.key'), clientCert: read('client.pem') },
  };
  rmSync(directory, { recursive: true });
  return made;
}
