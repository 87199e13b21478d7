import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApiClient } from '../../src/cli/api-client.ts';
import { createExceptionsClient } from '../../src/cli/exceptions-client.ts';
import { createGrantsClient } from '../../src/cli/grants-client.ts';
import { createWorld, type World } from '../../src/testing/world.ts';

/** Questions answered from the outside: by word over the API, by a reply in the chat, and not by a token. */
describe('a question of the guided tour', { timeout: 60_000 }, () => {
  let folder: string;
  let world: World;
  const OWNER = { id: 'owner', surface: 'web' };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-approve-'));
    await chmod(folder, 0o755);
    world = await createWorld();
  }, 60_000);
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const target = () => ({ socketPath: world.home.hostSocket });
  const ask = async () => {
    const message = await world.host.control.send('operator', { text: `look at "${folder}"` }, OWNER);
    await expect.poll(() => createApiClient(target()).approvals(), { timeout: 10_000 }).toHaveLength(1);
    const [approval] = await createApiClient(target()).approvals();
    return { message, approval, nonce: approval?.nonce ?? 'none' };
  };

  it('is answered by its word, once, whoever asks again', async () => {
    const { message, nonce } = await ask();
    const client = createGrantsClient(target());
    expect(await client.confirm(nonce, 'deny', undefined)).toMatchObject({ state: 'denied', decidedBy: 'owner' });
    await expect(client.confirm(nonce, 'allow', undefined)).rejects.toMatchObject({ code: 'not-found' });
    expect((await world.settled(message.id)).answer).toContain('you did not allow it');
  });

  it('is answered by a reply that no model reads', async () => {
    const { message, nonce } = await ask();
    const before = world.simulator.requests.length;
    const wrong = await world.host.control.send('operator', { text: 'no zzzzzzzz' }, OWNER);
    expect(wrong).toMatchObject({ state: 'answered', runId: null });
    const reply = await world.host.control.send('operator', { text: ` NO ${nonce} ` }, OWNER);
    expect(reply).toMatchObject({ state: 'answered', answer: 'Denied.', text: 'no' });
    await world.settled(message.id);
    // The denied turn went on; neither reply made one.
    expect(world.simulator.requests.length).toBe(before + 1);
    expect(JSON.stringify(world.simulator.requests)).not.toContain(nonce);
  });

  it('shows its word to no program with a token, and takes no answer from it', async () => {
    const { token } = await createApiClient(target()).createToken('a script');
    const script = createApiClient({ url: world.host.api.url, token });
    const { message, approval, nonce } = await ask();
    expect((await script.approvals())[0]).not.toHaveProperty('nonce');
    await expect(script.decideApproval(approval?.id ?? '', 'allow')).rejects.toMatchObject({ code: 'forbidden' });
    await createGrantsClient(target()).confirm(nonce, 'deny', undefined);
    await world.settled(message.id);
  });

  it('is not asked again for what was allowed for a week, until that is revoked', async () => {
    const { message, nonce } = await ask();
    const client = createGrantsClient(target());
    await client.confirm(nonce, 'allow', { width: 'exact', term: 'week' });
    await world.settled(message.id);
    await world.settled((await world.host.control.send('operator', { text: `look at "${folder}"` }, OWNER)).id);
    expect(await createApiClient(target()).approvals()).toEqual([]);
    const [grant] = await client.list();
    await client.revoke(grant?.id ?? '');
    const again = await ask();
    await client.confirm(again.nonce, 'deny', undefined);
    await world.settled(again.message.id);
  });

  it('has exceptions beside it that the owner makes and ends', async () => {
    const client = createExceptionsClient(target());
    const wanted = { subject: '*', origin: 'web:a.example', sink: 'url:https://a.example/*', forMs: 60_000, note: '' };
    const made = await client.addException(wanted);
    expect((await client.exceptions()).map(({ id }) => id)).toEqual([made.id]);
    await expect(client.addException({ ...wanted, sink: 'url:*' })).rejects.toMatchObject({ code: 'bad-request' });
    await client.removeException(made.id);
    expect(await client.exceptions()).toEqual([]);
  });
});
