import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../base/logger.ts';
import { createVaultClient, type VaultClient } from './vault-client.ts';

const STATUS = {
  version: '1',
  pid: 7,
  locked: false,
  confinement: [],
  keySource: 'key-file',
  providers: [],
  priceData: { date: '2026-11-01', source: 'x', models: 1 },
};
const BUDGET = {
  agent: 'operator',
  caps: { dailyUsd: 5, monthlyUsd: null },
  spentTodayUsd: 1,
  spentThisMonthUsd: 2,
  reservedUsd: 0,
  callsToday: 3,
};

const cleanups: (() => PromiseLike<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function socket(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-vault-client-'));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  return join(directory, 'vault.sock');
}

async function listen(socketPath: string, listener: RequestListener): Promise<Server> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  cleanups.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return server;
}

function clientOf(socketPath: string, timeoutMs = 5_000): VaultClient {
  const client = createVaultClient({ socketPath, log: silentLogger, timeoutMs });
  cleanups.push(() => client[Symbol.asyncDispose]());
  return client;
}

async function answering(listener: RequestListener, timeoutMs?: number): Promise<VaultClient> {
  const path = await socket();
  await listen(path, listener);
  return clientOf(path, timeoutMs);
}

const json =
  (body: unknown, status = 200): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };

describe('the vault client', () => {
  it('reads status, budgets and what is known of a model', async () => {
    const paths: (string | undefined)[] = [];
    const client = await answering((request, response) => {
      paths.push(request.url);
      if (request.url === '/status') return json(STATUS)(request, response);
      if (request.url === '/budgets') return json({ budgets: [BUDGET, { ...BUDGET, agent: '*' }] })(request, response);
      const facts = { provider: 'openrouter', model: 'a/b', contextWindow: 128_000, maxOutput: null, price: null };
      return json(facts)(request, response);
    });
    expect(await client.status()).toEqual(STATUS);
    expect(await client.budgets()).toHaveLength(2);
    expect(await client.budgets('operator')).toEqual([BUDGET]);
    expect(await client.modelFacts('openrouter', 'a/b c')).toMatchObject({ contextWindow: 128_000 });
    expect(paths.at(-1)).toBe('/models/openrouter/a/b%20c');
  });

  it('keeps the vault’s error, remedy included', async () => {
    const shape = { code: 'vault.locked', message: 'The vault is locked.', remedy: 'Unlock it.', retryAfterMs: 5 };
    const client = await answering(json(shape, 423));
    await expect(client.call('x')).rejects.toMatchObject(shape);
  });

  it('names the status when the error is not one of ours', async () => {
    const client = await answering((_request, response) => {
      response.writeHead(502);
      response.end('<html>');
    });
    await expect(client.status()).rejects.toMatchObject({ code: 'internal', retryable: true, message: /502/ });
  });

  it('refuses an answer of another shape', async () => {
    const client = await answering(json({ hello: 1 }));
    await expect(client.status()).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining('pid') });
  });

  it('nobody there: vault.unreachable, which may be tried again', async () => {
    const client = clientOf(await socket());
    await expect(client.status()).rejects.toMatchObject({ code: 'vault.unreachable', retryable: true });
    await expect(client.modelFetch('http://vault/model/x/y', { method: 'POST', body: '{}' })).rejects.toMatchObject({
      code: 'vault.unreachable',
    });
  });

  it('a vault that dies in the middle of an answer: vault.unreachable', async () => {
    const client = await answering((request) => request.socket.destroy());
    await expect(client.status()).rejects.toMatchObject({ code: 'vault.unreachable', retryable: true });
  });

  it('a vault that hangs: timeout', async () => {
    const client = await answering(() => {}, 80);
    await expect(client.status()).rejects.toMatchObject({ code: 'timeout', retryable: true });
  });

  it('a caller that gives up: cancelled, whatever its reason was', async () => {
    const client = await answering(() => {});
    for (const reason of [undefined, new Error('stop'), 'text']) {
      const controller = new AbortController();
      const call = client.status(controller.signal);
      controller.abort(reason);
      await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    }
  });

  it('fetches a page with its head', async () => {
    const head = { status: 200, finalUrl: 'https://a.example/b', contentType: 'text/html', truncated: false };
    let asked: unknown;
    const client = await answering((request, response) => {
      request.on('data', (chunk) => {
        asked = JSON.parse(chunk);
      });
      request.on('end', () => {
        response.writeHead(200, { 'x-holdfast-fetch': Buffer.from(JSON.stringify(head)).toString('base64url') });
        response.end(Buffer.from([0, 1, 255]));
      });
    });
    const page = await client.fetch({ agent: 'operator', url: 'https://a.example' });
    expect(page).toEqual({ head, body: new Uint8Array([0, 1, 255]) });
    expect(asked).toEqual({ agent: 'operator', url: 'https://a.example' });
  });

  it('passes a denied fetch on', async () => {
    const client = await answering(json({ code: 'egress.denied', message: '10.0.0.1 is private' }, 403));
    const page = client.fetch({ agent: 'operator', url: 'http://10.0.0.1' });
    await expect(page).rejects.toMatchObject({ code: 'egress.denied' });
  });

  it('waits until the vault is there', async () => {
    const path = await socket();
    const client = clientOf(path);
    const waiting = client.waitUntilReachable(new AbortController().signal);
    await expect(client.status()).rejects.toMatchObject({ code: 'vault.unreachable' });
    await listen(path, json(STATUS));
    expect(await waiting).toEqual(STATUS);
  });

  it('stops waiting when told to', async () => {
    const client = clientOf(await socket());
    const controller = new AbortController();
    const waiting = client.waitUntilReachable(controller.signal);
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('streams a model answer as it comes', async () => {
    let push: ((text: string) => void) | undefined;
    const client = await answering((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      push = (text) => response.write(text);
    });
    const response = await client.modelFetch('http://vault/model/a/b', { method: 'POST', body: '{}' });
    const reader = response.body!.getReader();
    for (const text of ['one', 'two']) {
      push?.(text);
      expect(new TextDecoder().decode((await reader.read()).value)).toBe(text);
    }
    await reader.cancel();
  });
});
