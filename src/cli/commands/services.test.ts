import { get } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ServiceSetting } from '../../protocol/service.ts';
import { SERVICE_PRESETS } from '../../protocol/service-presets.ts';
import { CLIENT, type OAuthServer, startOAuthServer } from '../../testing/oauth-server.ts';
import { createServiceWorld, type ServiceWorld } from '../../testing/service-world.ts';
import { eventually } from '../../testing/upstream.ts';
import { parseArguments } from '../arguments.ts';
import { servicesOf } from '../connect.ts';
import { services } from './services.ts';
import { loginToService } from './services-login.ts';

let world: ServiceWorld;
let printed: string[];
beforeEach(async () => {
  world = await createServiceWorld();
  printed = [];
});
afterEach(() => world[Symbol.asyncDispose]());

async function run(...words: string[]): Promise<string> {
  printed = [];
  const context = { home: world.vault.home, print: (line: string) => void printed.push(line) };
  await services.run(Object(context), parseArguments(words, services.flags));
  return printed.join('\n');
}

describe('holdfast services', () => {
  it('adds a preset and says what comes next', async () => {
    const said = await run('add', 'search', '--preset', 'brave-search');
    expect(said).toContain('holdfast credentials add search --kind value');
    expect(said).toContain('holdfast credentials grant <agent> search');
    expect(await run('list')).toMatch(
      /search {2}https:\/\/api\.search\.brave\.com\/res\/v1 {2}header X-Subscription-Token/,
    );
    await run('remove', 'search');
    expect(await run('list')).toContain('No services');
  });

  it('adds what no preset knows, and a database', async () => {
    await run(
      'add',
      'own',
      '--base-url',
      'https://api.example.org/v2',
      '--placement',
      'header:X-Key:Key ',
      '--allow',
      'GET /v2/*; POST /v2/items',
      '--also-hosts',
      'cdn.example.org,*.api.example.org',
      '--credential',
      'shared',
    );
    await run('add', 'db', '--postgres', 'reader@db.example.org:6432/sales', '--tls', 'require');
    const [db, own] = await servicesOf(world.vault.home).list();
    expect(db?.setting).toEqual({
      kind: 'postgres',
      user: 'reader',
      host: 'db.example.org',
      port: 6_432,
      database: 'sales',
      tls: 'require',
    });
    expect(own).toMatchObject({
      credential: 'shared',
      hasCredential: false,
      setting: {
        allow: ['GET /v2/*', 'POST /v2/items'],
        alsoHosts: ['cdn.example.org', '*.api.example.org'],
        placement: { kind: 'header', name: 'X-Key', prefix: 'Key ' },
      },
    });
  });

  it.each([
    [['add', 'x'], 'baseUrl'],
    [['add', 'x', '--preset', 'nope'], 'there is no preset nope'],
    [['add', 'x', '--postgres', 'nonsense'], 'user'],
    [['add', 'x', '--base-url', 'https://a.example', '--placement', 'tattoo'], 'placement'],
    [['remove', 'x'], 'no service named x'],
    [['dance'], 'no action'],
  ])('refuses %j with a reason', async (words, reason) => {
    await expect(run(...words)).rejects.toThrow(reason);
  });

  it.each(Object.entries(SERVICE_PRESETS))('has a valid preset %s', (_name, preset) => {
    expect(ServiceSetting.safeParse(preset.setting)).toMatchObject({ success: true });
    expect(preset.setting.baseUrl).toMatch(/^https:/);
  });
});

describe('holdfast services login', () => {
  let oauth: OAuthServer;
  beforeEach(async () => {
    oauth = await startOAuthServer();
    await world.except('127.0.0.1', oauth.upstream.port);
    await world.credential('acme', 'oauth2', {
      ...{ client_id: CLIENT.id, token_url: `${oauth.url}/token` },
      ...{ device_url: `${oauth.url}/device`, authorize_url: `${oauth.url}/authorize` },
    });
    await world.service('acme', { baseUrl: 'https://api.example.org' });
  });
  afterEach(() => oauth[Symbol.asyncDispose]());

  const login = (device: boolean, signal = AbortSignal.timeout(20_000)) =>
    loginToService(servicesOf(world.vault.home), {
      ...{ name: 'acme', device },
      context: { print: (line) => void printed.push(line), signal },
    });

  it('shows the code of a device and waits for the person', async () => {
    const done = login(true);
    await eventually(() => printed.find((line) => line.includes('ABCD-EFGH')));
    oauth.approveDevice();
    expect(await done).toEqual([expect.stringContaining('Logged in')]);
    expect(printed.join()).not.toContain('device-code-1');
  });

  it('takes the browser back on loopback, and no token passes through it', async () => {
    const done = login(false);
    const address = await eventually(() => printed.find((line) => line.includes('/authorize?')));
    const { code, state } = oauth.visit(address);
    const back = new URL(new URL(address).searchParams.get('redirect_uri') ?? '');
    back.search = new URLSearchParams({ code, state }).toString();
    const page = await new Promise<string>((resolve, reject) =>
      get(back, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on('end', () => resolve(text));
      }).on('error', reject),
    );
    expect(page).toContain('Logged in');
    await done;
    expect(JSON.stringify([printed, page])).not.toContain(oauth.accessTokens.at(-1));
  });

  it('ends when the person says no', async () => {
    const failed = login(false).catch((error: Error) => error.message);
    const address = await eventually(() => printed.find((line) => line.includes('/authorize?')));
    const back = new URL(new URL(address).searchParams.get('redirect_uri') ?? '');
    get(`${back.href}?error=access_denied`).on('error', () => undefined);
    expect(await failed).toContain('access_denied');
  });
});
