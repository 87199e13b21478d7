import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { type ApiClient, createApiClient } from '../../src/cli/api-client.ts';
import { createApi } from '../../src/host/api/api.ts';
import { HoldfastConfig } from '../../src/protocol/config.ts';
import { HoldfastError } from '../../src/protocol/error.ts';
import { createGateway, type Gateway, until } from './gateway.ts';

let gateway: Gateway;
let owner: ApiClient;
beforeAll(async () => {
  gateway = await createGateway();
  owner = createApiClient({ socketPath: gateway.socketPath });
});
afterAll(() => gateway[Symbol.asyncDispose]());

describe('the client of the API', () => {
  it('reads everything over the unix socket', async () => {
    expect(await owner.status()).toMatchObject({ state: 'ok', agents: 1 });
    expect(await owner.doctor()).toHaveLength(1);
    expect(await owner.agents()).toHaveLength(1);
    expect(await owner.agent('operator')).toMatchObject({ id: 'operator' });
    expect(await owner.workerTemplates()).toHaveLength(1);
    expect(await owner.sessions()).toHaveLength(1);
    expect(await owner.createSession('operator')).toMatchObject({ id: 'ses_2' });
    expect(await owner.runs({ active: true, limit: 3 })).toHaveLength(1);
    expect(await owner.run('run_1')).toMatchObject({ id: 'run_1' });
    expect(await owner.cancelRun('run_1')).toMatchObject({ state: 'cancelled' });
    expect(await owner.approvals('all')).toHaveLength(1);
    expect(await owner.decideApproval('apr_1', 'deny')).toMatchObject({ state: 'denied', surface: 'cli' });
    expect(await owner.artifacts('run_1')).toHaveLength(1);
    expect((await owner.artifactContent('art_1')).toString()).toBe('<script>alert(1)</script>');
    expect(await owner.budgets()).toHaveLength(1);
    expect((await owner.createLoginLink()).url).toContain('/login?token=');
  });

  it('reads over TCP with a token, until it is revoked', async () => {
    const { id, token } = await owner.createToken('remote');
    const remote = createApiClient({ url: gateway.api.url, token });
    expect(await remote.status()).toMatchObject({ state: 'ok' });
    expect(await remote.agents()).toHaveLength(1);
    await expect(remote.createLoginLink()).rejects.toMatchObject({ code: 'forbidden' });
    expect(await owner.tokens()).toEqual([expect.objectContaining({ id, note: 'remote' })]);
    await owner.revokeToken(id);
    await expect(remote.status()).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(remote.agents()).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(remote.events({ after: 0 }).next()).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('sends and waits for the answer', async () => {
    const answer = owner.sendAndWait('operator', { text: 'hello', clientMessageId: 'c1' });
    await until('the message', () => gateway.control.messages.length === 1);
    gateway.control.answer('msg_c1', 'hello yourself');
    expect(await answer).toMatchObject({ state: 'answered', answer: 'hello yourself' });
    expect(await owner.history('ses_1')).toHaveLength(1);
    gateway.control.note('one');
    expect(await owner.runEvents('run_1', { after: 1, limit: 10 })).toHaveLength(1);
  });

  it('throws what the host says, with the remedy', async () => {
    await expect(owner.agent('a b/../c')).rejects.toMatchObject({ code: 'not-found' });
    await expect(owner.send('operator', { text: '' })).rejects.toMatchObject({ code: 'bad-request' });
    gateway.control.failure = new HoldfastError('vault.locked', 'The vault is locked.', { remedy: 'holdfast unlock' });
    await expect(owner.status()).rejects.toMatchObject({ code: 'vault.locked', remedy: 'holdfast unlock' });
    gateway.control.failure = undefined;
  });

  it('says how to start a host that is not there', async () => {
    const nobody = createApiClient({ socketPath: join(gateway.directory, 'nobody.sock') });
    for (const call of [nobody.status(), nobody.agents(), nobody.events({ after: 0, reconnectForMs: 0 }).next()]) {
      await expect(call).rejects.toMatchObject({
        code: 'host.unreachable',
        remedy: expect.stringContaining('holdfast start'),
      });
    }
  });

  it('stops listening when told', async () => {
    const stop = new AbortController();
    const stream = owner.events({ after: 0, signal: stop.signal });
    expect((await stream.next()).done).toBe(false);
    stop.abort();
    for await (const _message of stream);
    expect((await stream.next()).done).toBe(true);
  });

  it('goes on listening across restarts of the host, without a gap or a double', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'hf-client-'));
    const socketPath = join(directory, 'host.sock');
    const start = () =>
      createApi({
        control: gateway.control,
        access: gateway.access,
        config: HoldfastConfig.parse({ server: { port: 0 } }),
        socketPath,
        webRoot: directory,
        log: silentLogger,
        clock: systemClock,
        version: '0.1.0',
      });
    let api = await start();
    const first = gateway.control.stored.length;
    const stop = new AbortController();
    const seen: number[] = [];
    const reading = (async () => {
      for await (const message of createApiClient({ socketPath }).events({ after: first, signal: stop.signal })) {
        if (message.type === 'event') seen.push(message.event.seq);
      }
    })();
    for (let round = 1; round <= 4; round += 1) {
      gateway.control.note('while it runs');
      await until(`round ${round}`, () => seen.at(-1) === gateway.control.stored.length);
      await api[Symbol.asyncDispose]();
      gateway.control.note('while it is away');
      api = await start();
    }
    await until('the last', () => seen.at(-1) === gateway.control.stored.length);
    stop.abort();
    await reading;
    await api[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
    expect(seen).toEqual(gateway.control.stored.slice(first).map(({ seq }) => seq));
  });
});
