import { readFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createVaultWorld, type VaultWorld } from '../../testing/vault-world.ts';

const VALUE = 'sk-canary-77aa55cc33ee11';
let world: VaultWorld;

beforeEach(async () => {
  world = await createVaultWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

/** Changes vault.db from outside while no vault runs, then starts it again. */
async function tamper(change: (database: DatabaseSync) => void): Promise<unknown> {
  await world.vault[Symbol.asyncDispose]();
  const database = new DatabaseSync(world.home.vaultDatabase);
  change(database);
  database.close();
  return world.restart().catch((error: unknown) => error);
}

describe('secrets', () => {
  it('are listed by name and come out of no route', async () => {
    await world.owner.putSecret('a.key', Buffer.from(`${VALUE}\n`));
    expect(await world.owner.listSecrets()).toEqual(['a.key']);
    const owner = { socketPath: world.home.vaultOwnerSocket };
    const answers = await Promise.all([
      world.host('/secrets/a.key', owner),
      world.host('/secrets', owner),
      world.host('/status', owner),
      world.host('/secrets/a.key'),
    ]);
    expect(JSON.stringify([answers, world.logs])).not.toContain(VALUE);
    for (const file of [world.home.vaultDatabase, `${world.home.vaultDatabase}-wal`]) {
      expect((await readFile(file)).includes(VALUE)).toBe(false);
    }
  });

  it('survive a restart, can be replaced and deleted', async () => {
    await world.owner.putSecret('a', Buffer.from(VALUE));
    await world.owner.putSecret('a', Buffer.from('the-second-value'));
    await world.restart();
    expect(await world.owner.listSecrets()).toEqual(['a']);
    await world.owner.deleteSecret('a');
    expect(await world.owner.listSecrets()).toEqual([]);
    await expect(world.owner.deleteSecret('a')).rejects.toMatchObject({ code: 'vault.secret-missing' });
  });

  it('are refused when they are empty, too long, not text or badly named', async () => {
    await expect(world.owner.putSecret('a', Buffer.from(''))).rejects.toMatchObject({ code: 'bad-request' });
    await expect(world.owner.putSecret('a', Buffer.alloc(10_001, 'x'))).rejects.toMatchObject({ code: 'too-large' });
    await expect(world.owner.putSecret('a', Buffer.from([0xff, 0xfe]))).rejects.toMatchObject({ code: 'bad-request' });
    await expect(world.owner.putSecret('a/b c', Buffer.from('x'))).rejects.toMatchObject({ code: 'bad-request' });
    await expect(world.owner.putSecret('a', Buffer.alloc(500_000, 'x'))).rejects.toMatchObject({ code: 'too-large' });
    expect(await world.owner.listSecrets()).toEqual([]);
  });

  it('notice a changed byte and a value moved to another name', async () => {
    await world.owner.putSecret('a', Buffer.from(VALUE));
    await world.owner.putSecret('b', Buffer.from('the-value-of-b'));
    const moved = await tamper((database) =>
      database.exec(
        "UPDATE secrets SET (nonce, sealed, tag) = (SELECT nonce, sealed, tag FROM secrets WHERE name = 'a') WHERE name = 'b'",
      ),
    );
    expect(moved).toMatchObject({ code: 'storage.corrupt', message: expect.stringContaining('b') });
    const database = new DatabaseSync(world.home.vaultDatabase);
    database.exec(
      "DELETE FROM secrets WHERE name = 'b'; UPDATE secrets SET sealed = zeroblob(length(sealed)) WHERE name = 'a'",
    );
    database.close();
    await expect(world.restart()).rejects.toMatchObject({ code: 'storage.corrupt' });
  });

  it('are sealed anew under a passphrase, and the key file goes', async () => {
    await world.owner.putSecret('a', Buffer.from(VALUE));
    await world.owner.setPassphrase(Buffer.from('new passphrase'));
    await expect(readFile(world.home.vaultKeyFile)).rejects.toMatchObject({ code: 'ENOENT' });
    await world.restart();
    expect(world.vault.locked).toBe(true);
    expect(await world.owner.listSecrets()).toEqual(['a']);
    await world.owner.unlock(Buffer.from('new passphrase\n'));
    expect(await world.owner.status()).toMatchObject({ locked: false, keySource: 'passphrase' });
  });

  it('keep the host from every route that changes something', async () => {
    const attempts = [
      ['PUT', '/secrets/a'],
      ['GET', '/secrets'],
      ['DELETE', '/secrets/a'],
      ['PUT', '/providers/openai'],
      ['DELETE', '/providers/openai'],
      ['PUT', '/budgets/operator'],
      ['PUT', '/egress-exceptions/operator'],
      ['POST', '/callers'],
      ['GET', '/callers'],
      ['POST', '/unlock'],
      ['PUT', '/passphrase'],
    ];
    for (const [method = '', path = ''] of attempts) {
      const answer = await world.host(path, { method, body: method === 'PUT' || method === 'POST' ? '{}' : '' });
      expect([method, path, answer.status, JSON.parse(answer.text).code]).toEqual([method, path, 403, 'forbidden']);
    }
    expect((await world.host('/nowhere')).status).toBe(404);
    expect((await world.host('/status')).status).toBe(200);
    expect((await world.host('/budgets')).status).toBe(200);
  });

  it('leave a vault of a newer version alone', async () => {
    const error = await tamper((database) => database.exec("INSERT INTO migrations VALUES ('9999-future', 1)"));
    expect(error).toMatchObject({ code: 'storage.corrupt', message: expect.stringContaining('newer') });
  });
});

describe('settings', () => {
  it('are validated with the path of every problem', async () => {
    const bad = world.owner.putProvider('acme', {
      wire: 'openai-chat',
      baseUrl: 'not a url',
      prices: { m: { input: -1, output: 1 } },
    });
    await expect(bad).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringMatching(/baseUrl.*prices\.m\.input/),
    });
    const keyed = world.owner.putProvider('acme', { wire: 'openai-chat', baseUrl: 'https://x.example/v1?key=abc' });
    await expect(keyed).rejects.toMatchObject({ code: 'bad-request' });
    await expect(
      world.owner.putProvider('Bad Id', { wire: 'openai-chat', baseUrl: 'https://x.example' }),
    ).rejects.toThrow('Bad Id');
    await expect(world.owner.putBudget('tester', { dailyUsd: -1, monthlyUsd: null })).rejects.toThrow('dailyUsd');
  });

  it('tell what is known of a model', async () => {
    await world.owner.putProvider('openai', {
      wire: 'openai-responses',
      baseUrl: 'https://api.openai.com/v1',
      pricesAs: 'openai',
    });
    expect(await world.owner.modelFacts('openai', 'gpt-5.2')).toMatchObject({
      contextWindow: 400_000,
      price: { input: 1.75, output: 14 },
    });
    expect((await world.owner.modelFacts('openai', 'gpt-5.2-2025-12-11')).price?.input).toBe(1.75);
    expect(await world.owner.modelFacts('openai', 'nope')).toMatchObject({ price: null, contextWindow: null });
    await expect(world.owner.modelFacts('nobody', 'x')).rejects.toMatchObject({ code: 'model.unknown-provider' });
  });
});
