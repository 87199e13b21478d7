import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../base/logger.ts';
import { AGENT_LABEL } from '../../protocol/label.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import { createFileBlobStore } from '../../storage/file-blob-store.ts';
import { createServiceWorld, type ServiceWorld } from '../../testing/service-world.ts';
import { type Answer, startUpstream, type Upstream } from '../../testing/upstream.ts';
import { createVaultClient, type VaultClient } from '../vault-client/vault-client.ts';
import { createHttpRequest } from './http-request.ts';
import { createListServices } from './list-services.ts';
import type { ToolContext } from './tool.ts';

const KEY = 'sk-canary-0123456789abcdef';
let world: ServiceWorld;
let vault: VaultClient;
let api: Upstream;
let answer: Answer;
let folder: string;

beforeEach(async () => {
  world = await createServiceWorld();
  vault = createVaultClient({ socketPath: world.vault.home.vaultHostSocket, log: silentLogger });
  answer = (_seen, response) => void response.writeHead(200, { 'content-type': 'text/plain' }).end('hello');
  api = await startUpstream((seen, response) => answer(seen, response));
  await world.except('127.0.0.1', api.port);
  await world.credential('acme', 'value', { value: KEY });
  await world.service('acme', { baseUrl: `${api.url}/v1` });
  folder = await mkdtemp(join(tmpdir(), 'hf-http-'));
});
afterEach(async () => {
  await vault[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const context = (agentId: string): ToolContext => ({
  ...{ runId: 'run_1', agentId, sessionId: undefined, effectId: 'e', callId: 'c', signal: AbortSignal.timeout(20_000) },
  ...{ principal: 'owner', label: AGENT_LABEL },
  sandbox: () => Promise.reject(new Error('none')),
  ...{ output: () => undefined, progress: () => undefined, record: async () => undefined },
});

async function call(input: object, agentId = world.agent): Promise<ToolOutcome> {
  const tool = createHttpRequest({ services: vault.services, blobs: await createFileBlobStore(join(folder, 'blobs')) });
  return await tool.execute(tool.input.parse(input), context(agentId));
}

describe('http_request', () => {
  it('uses a service with its credential, which nobody sees', async () => {
    answer = (seen, response) => void response.end(`you sent ${seen.headers.authorization}`);
    const outcome = await call({ service: 'acme', url: '/x', json: { a: 1 } });
    expect(outcome).toMatchObject({
      status: 'ok',
      data: { status: 200, service: 'acme' },
      label: { integrity: 'untrusted', confidentiality: 'internal', origins: ['web:127.0.0.1'] },
    });
    expect(outcome.text).toContain('you sent Bearer [secret]');
    expect(outcome.text).toContain('secrets in it were taken out');
    expect(api.requests.at(-1)).toMatchObject({
      method: 'POST',
      body: '{"a":1}',
      headers: { authorization: `Bearer ${KEY}` },
    });
    expect(JSON.stringify(outcome)).not.toContain('canary');
  });

  it('puts a value where its handle stands', async () => {
    await call({ url: `${api.url}/v1/y`, headers: { 'x-key': '$CRED{acme}' } });
    expect(api.requests.at(-1)).toMatchObject({ method: 'GET', headers: { 'x-key': KEY } });
  });

  it('tells the model what is refused and how the owner allows it', async () => {
    const elsewhere = await call({ url: 'http://elsewhere.test/', body: 'x' });
    expect([elsewhere.status, elsewhere.text]).toEqual([
      'denied',
      expect.stringContaining('holdfast vault egress tester allow elsewhere.test:80'),
    ]);
    expect(elsewhere.label).toMatchObject({ confidentiality: 'public', origins: ['web:elsewhere.test'] });
    const unknown = await call({ service: 'nope', url: '/x' });
    expect([unknown.status, unknown.text]).toEqual(['error', expect.stringContaining('You may use: acme.')]);
    expect((await call({ service: 'acme', url: '/x' }, 'stranger')).status).toBe('denied');
  });

  it('keeps what is no text and what is long out of the context', async () => {
    answer = (_seen, response) =>
      void response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.from([0, 1, 2]));
    expect(await call({ service: 'acme', url: '/i' })).toMatchObject({
      bytes: 3,
      text: expect.stringContaining('not text'),
      blob: expect.any(String),
    });
    answer = (_seen, response) =>
      void response.writeHead(200, { 'content-type': 'text/plain' }).end('x'.repeat(30_000));
    const long = await call({ service: 'acme', url: '/l', max_chars: 500 });
    expect(long.text.length).toBeLessThan(1_500);
    expect(long).toMatchObject({ bytes: 30_000, blob: expect.any(String) });
  });

  it('is an error when the answer is one, and refuses two bodies', async () => {
    answer = (_seen, response) =>
      void response.writeHead(404, { 'x-ratelimit-remaining': '7', 'x-odd': 'no' }).end('gone');
    const outcome = await call({ service: 'acme', url: '/x' });
    expect([outcome.status, outcome.text]).toEqual(['error', expect.stringContaining('x-ratelimit-remaining: 7')]);
    expect(outcome.text).not.toContain('x-odd');
    await expect(call({ url: '/x', json: 1, body: '1' })).rejects.toThrow('not both');
  });
});

describe('list_services', () => {
  it('names what the agent may use and nothing else', async () => {
    const tool = createListServices(vault.services);
    expect((await tool.execute({}, context(world.agent))).text).toBe(`acme: ${api.url}/v1, handle $CRED{acme}`);
    expect((await tool.execute({}, context('stranger'))).text).toBe('No service was granted to you.');
  });
});
