import { createHash, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sealParts } from '../../../web/src/credentials/seal.ts';
import type { OwnerChange, OwnerPayload, VaultIdentity } from '../../protocol/owner-change.ts';
import { signedText } from '../../protocol/seal-text.ts';
import { createVaultWorld, type HostAnswer, type VaultWorld } from '../../testing/vault-world.ts';

const VALUE = 'bsa-canary-1122334455667788';
let world: VaultWorld;
let now: number;
let identity: VaultIdentity;
let sent = 0;

beforeEach(async () => {
  now = 1_800_000_000_000;
  world = await createVaultWorld({ now: () => now });
  identity = JSON.parse((await world.host('/identity')).text);
});
afterEach(() => world[Symbol.asyncDispose]());

function payloadOf(change: OwnerChange, more: Partial<OwnerPayload> = {}): OwnerPayload {
  sent += 1;
  const id = `envelope-number-${sent}`;
  return { vault: identity.fingerprint, id, issuedAt: now, expiresAt: now + 60_000, change, ...more };
}

const EMPTY = { ephemeral: '', nonce: '', box: '' };

async function addition(name: string, agents: string[] = [], value = VALUE): Promise<OwnerPayload> {
  const facts = { kind: 'value', note: '', places: ['https://api.search.brave.com'] } as const;
  const change = {
    kind: 'credential.add',
    name,
    facts: { ...facts, places: [...facts.places] },
    sealed: EMPTY,
    agents,
  };
  const payload = payloadOf(change as OwnerChange);
  const sealed = await sealParts(payload, identity, { value });
  return { ...payload, change: { ...payload.change, sealed } as OwnerChange };
}

interface Key {
  readonly id: string;
  readonly sign: (text: string) => string;
}

async function trusted(scopes: string[]): Promise<Key> {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const body = JSON.stringify({ publicKey: jwk.x, label: 'laptop', scopes });
  const answer = await owner('/owner-keys', 'PUT', body);
  const key = createPrivateKey({ key: jwk, format: 'jwk' });
  return {
    id: JSON.parse(answer.text).id,
    sign: (text) => sign(null, Buffer.from(signedText(text)), key).toString('base64url'),
  };
}

const owner = (path: string, method: string, body = ''): Promise<HostAnswer> =>
  world.host(path, { method, body, socketPath: world.home.vaultOwnerSocket });

function submit(payload: OwnerPayload | string, key?: Key): Promise<HostAnswer> {
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
  const proof = key ? { key: key.id, signature: key.sign(text) } : {};
  return world.host('/owner-changes', { method: 'POST', body: JSON.stringify({ payload: text, ...proof }) });
}

const resultOf = (answer: HostAnswer): Record<string, string> => JSON.parse(answer.text);
const namesOf = async (agent: string): Promise<string[]> =>
  JSON.parse((await world.host(`/agent-credentials/${agent}`)).text).credentials.map(
    (one: { name: string }) => one.name,
  );

describe('a change that came through the host', () => {
  it('is done when an owner key signed it', async () => {
    const key = await trusted(['credentials']);
    expect(resultOf(await submit(await addition('brave_search', ['scout']), key))).toEqual({ state: 'done' });
    expect(await namesOf('scout')).toEqual(['brave_search']);
    expect(await namesOf('other')).toEqual([]);
  });

  it('is held without a signature, until the owner confirms it', async () => {
    const held = resultOf(await submit(await addition('brave_search', ['scout'])));
    expect(held).toMatchObject({ state: 'held', unlock: `holdfast owner confirm ${held.id}` });
    expect(await namesOf('scout')).toEqual([]);
    const list = JSON.parse((await world.host('/owner-changes')).text).held;
    expect(list).toMatchObject([
      { text: 'add the credential brave_search (value), to be sent to https://api.search.brave.com, for scout' },
    ]);
    expect((await world.host(`/owner-changes/${held.id}`, { method: 'PUT' })).status).toBe(403);
    await world.restart();
    expect((await owner(`/owner-changes/${held.id}`, 'PUT')).status).toBe(204);
    expect(await namesOf('scout')).toEqual(['brave_search']);
    expect((await owner(`/owner-changes/${held.id}`, 'PUT')).status).toBe(404);
  });

  it('is good once, and not with one byte changed', async () => {
    const key = await trusted(['credentials']);
    const payload = await addition('a');
    expect((await submit(payload, key)).status).toBe(200);
    expect((await submit(payload, key)).status).toBe(409);
    await world.restart();
    expect((await submit(payload, key)).status).toBe(409);
    const text = JSON.stringify(await addition('b'));
    const body = { payload: text.replace('"b"', '"c"'), key: key.id, signature: key.sign(text) };
    const changed = await world.host('/owner-changes', { method: 'POST', body: JSON.stringify(body) });
    expect([changed.status, resultOf(changed).code]).toEqual([403, 'vault.unsigned']);
  });

  it('is refused when it is old, of the future, long-lived, for another vault or by a stranger', async () => {
    const key = await trusted(['credentials']);
    const change: OwnerChange = { kind: 'grant.add', agent: 'scout' as never, glob: 'a' };
    const bad: Partial<OwnerPayload>[] = [
      { issuedAt: now - 100_000, expiresAt: now - 1 },
      { issuedAt: now + 500_000, expiresAt: now + 600_000 },
      { issuedAt: now, expiresAt: now + 86_400_000 },
      { vault: '0'.repeat(64) },
    ];
    for (const more of bad) expect([more, (await submit(payloadOf(change, more), key)).status]).toEqual([more, 403]);
    const stranger = { id: 'key_0', sign: key.sign };
    expect((await submit(payloadOf(change), stranger)).status).toBe(403);
    expect((await submit('{"vault":1}', key)).status).toBe(400);
    expect((await submit('no json', key)).status).toBe(400);
    await owner(`/owner-keys/${key.id}`, 'DELETE');
    expect((await submit(payloadOf(change), key)).status).toBe(403);
  });

  it('needs a key that is trusted with that', async () => {
    const key = await trusted(['budgets']);
    const answer = await submit(payloadOf({ kind: 'grant.add', agent: 'scout' as never, glob: '*' }), key);
    expect([answer.status, resultOf(answer).message]).toEqual([403, expect.stringContaining('credentials')]);
    const caps = { dailyUsd: 500, monthlyUsd: null };
    expect((await submit(payloadOf({ kind: 'budget.put', agent: '*', caps }), key)).status).toBe(200);
    expect((await world.owner.listBudgets()).find(({ agent }) => agent === '*')?.caps).toEqual(caps);
  });

  it('is done without anybody when it only takes away', async () => {
    await world.owner.putEgressRules('scout', { allow: ['npm', 'pypi'] });
    await world.owner.putExceptions('scout', { hosts: [{ host: '10.0.0.1', port: 80 }] });
    await owner('/credential-grants/scout/brave_*', 'PUT');
    const agent = 'scout' as never;
    const rules = (allow: string[]) => ({ ...structuredClone(DEFAULT_RULES), allow });
    const cases: [OwnerChange, 'done' | 'held'][] = [
      [{ kind: 'budget.put', agent, caps: { dailyUsd: 1, monthlyUsd: 50 } }, 'done'],
      [{ kind: 'budget.put', agent, caps: { dailyUsd: 2, monthlyUsd: 50 } }, 'held'],
      [{ kind: 'budget.put', agent, caps: { dailyUsd: 1, monthlyUsd: null } }, 'held'],
      [{ kind: 'egress-rules.put', agent, rules: rules(['npm']) }, 'done'],
      [{ kind: 'egress-rules.put', agent, rules: rules(['npm', 'pypi']) }, 'held'],
      [{ kind: 'egress-exceptions.put', agent, exceptions: { hosts: [{ host: '10.0.0.1', port: 81 }] } }, 'held'],
      [{ kind: 'egress-exceptions.put', agent, exceptions: { hosts: [] } }, 'done'],
      [{ kind: 'grant.remove', agent, glob: 'brave_*' }, 'done'],
      [{ kind: 'grant.add', agent, glob: 'brave_*' }, 'held'],
      [{ kind: 'freeze', agent, reason: 'why not' }, 'done'],
      [{ kind: 'unfreeze', agent }, 'held'],
      [{ kind: 'credential.remove', name: 'x' }, 'held'],
    ];
    for (const [change, state] of cases)
      expect([change, resultOf(await submit(payloadOf(change))).state]).toEqual([change, state]);
    expect(JSON.parse((await world.host('/credentials')).text).grants).toEqual([]);
  });

  it('waits in a queue that a host cannot fill without end', async () => {
    const change: OwnerChange = { kind: 'grant.add', agent: 'scout' as never, glob: '*' };
    const answers: number[] = [];
    for (let n = 0; n < 102; n += 1) answers.push((await submit(payloadOf(change))).status);
    expect(answers.filter((status) => status === 200)).toHaveLength(100);
    expect(answers.at(-1)).toBe(413);
  });
});

const DEFAULT_RULES = {
  allow: [] as string[],
  deny: [] as string[],
  intercept: [] as string[],
  limits: { connectionBytes: 1_000, runBytes: 1_000, connectionMs: 1_000, idleMs: 1_000 },
};

describe('a sealed value', () => {
  it('is bound to its name, place, agents and expiry: a host cannot put it elsewhere', async () => {
    const key = await trusted(['credentials']);
    const good = await addition('brave_search', ['scout']);
    let bends = 0;
    const bend = (change: object, more: Partial<OwnerPayload> = {}): OwnerPayload => {
      bends += 1;
      const id = `bent-envelope-${bends}`;
      return { ...good, id, ...more, change: { ...good.change, ...change } as OwnerChange };
    };
    const facts = { kind: 'value', note: '', places: ['https://evil.example'] };
    const bent = [
      bend({ name: 'other' }, { id: good.id }),
      bend({ agents: ['mallory'] }, { id: `${good.id}-1` }),
      bend({ facts }),
      bend({}, { expiresAt: good.expiresAt + 1 }),
      bend({}),
    ];
    for (const payload of bent) expect([payload, (await submit(payload, key)).status]).toEqual([payload, 400]);
    expect(JSON.parse((await world.host('/credentials')).text).credentials).toEqual([]);
  });

  it('is opened by this vault alone, and never seen in an answer, a log or the database', async () => {
    const key = await trusted(['credentials']);
    const payload = await addition('brave_search', ['scout']);
    await submit(payload, key);
    const routes = [
      '/credentials',
      '/identity',
      '/owner-changes',
      '/owner-keys',
      '/agent-credentials/scout',
      '/status',
    ];
    const answers = await Promise.all([
      ...routes.map((path) => world.host(path)),
      ...[...routes, '/credentials/brave_search', '/secrets'].map((path) => owner(path, 'GET')),
    ]);
    expect(JSON.stringify([answers.map(({ text }) => text), world.logs])).not.toContain(VALUE);
    for (const file of [world.home.vaultDatabase, `${world.home.vaultDatabase}-wal`])
      expect((await readFile(file)).includes(VALUE)).toBe(false);
    await using another = await createVaultWorld({ now: () => now });
    const refused = await another.host('/owner-changes', {
      method: 'POST',
      body: JSON.stringify({ payload: JSON.stringify(payload) }),
    });
    expect(refused.status).toBe(403);
  });

  it('goes to a key whose fingerprint the owner can compare, also after a restart and a new passphrase', async () => {
    const hash = createHash('sha256').update(Buffer.from(identity.publicKey, 'base64url')).digest('hex');
    expect(identity.fingerprint).toBe(hash);
    await world.owner.setPassphrase(Buffer.from('a long passphrase'));
    const payload = await addition('a');
    const key = await trusted(['credentials']);
    expect((await submit(payload, key)).status).toBe(200);
    await world.restart();
    expect(JSON.parse((await world.host('/identity')).text)).toEqual(identity);
    const locked = await submit(await addition('b'), key);
    expect([locked.status, resultOf(locked).code]).toEqual([503, 'vault.locked']);
    await world.owner.unlock(Buffer.from('a long passphrase'));
    expect((await submit(await addition('c'), key)).status).toBe(200);
  });

  it('that is no box at all is refused', async () => {
    const key = await trusted(['credentials']);
    const lowOrder = { ephemeral: Buffer.alloc(32).toString('base64url'), nonce: 'A'.repeat(16), box: 'AAAA' };
    for (const sealed of [lowOrder, { ...lowOrder, box: '' }]) {
      const payload = payloadOf({ kind: 'credential.rotate', name: 'a', sealed });
      expect((await submit(payload, key)).status).toBe(400);
    }
  });
});

describe('an export', () => {
  it('opens with its passphrase in another vault, and with no other', async () => {
    const facts = { kind: 'value', note: 'n', places: [] };
    await owner('/credentials/a', 'POST', JSON.stringify({ facts, parts: { value: VALUE } }));
    await owner('/credential-grants/scout/a', 'PUT');
    await world.owner.putSecret('provider.openai', Buffer.from('sk-system-canary'));
    expect((await world.host('/credential-export', { method: 'POST', body: '{}' })).status).toBe(403);
    const archive = await owner('/credential-export', 'POST', JSON.stringify({ passphrase: 'correct horse' }));
    expect(archive.text).not.toContain(VALUE);
    await using another = await createVaultWorld();
    const load = (body: object) =>
      another.host('/credential-import', {
        method: 'POST',
        body: JSON.stringify({ archive: JSON.parse(archive.text), ...body }),
        socketPath: another.home.vaultOwnerSocket,
      });
    expect((await load({ passphrase: 'wrong' })).status).toBe(401);
    expect(JSON.parse((await load({ passphrase: 'correct horse' })).text)).toEqual({
      added: ['a'],
      replaced: [],
      kept: [],
    });
    expect(JSON.parse((await load({ passphrase: 'correct horse' })).text).kept).toEqual(['a']);
    expect(JSON.parse((await another.host('/credentials')).text).credentials).toMatchObject([
      { name: 'a', agents: ['scout'], note: 'n' },
    ]);
    expect(await another.owner.listSecrets()).toEqual([]);
    expect(JSON.parse((await load({ passphrase: 'correct horse', replace: true })).text).replaced).toEqual(['a']);
    expect(JSON.parse((await another.host('/credentials')).text).credentials).toMatchObject([{ name: 'a' }]);
  });
});

describe('a generated secret', () => {
  it('gets a name in the namespace of its agent, and no value', async () => {
    const make = (body: object) =>
      world.host('/generated-credentials', { method: 'POST', body: JSON.stringify({ agent: 'scout', ...body }) });
    expect(JSON.parse((await make({ name: 'DB_password' })).text)).toEqual({ name: 'own.scout.db_password' });
    expect((await make({ name: 'db_password' })).status).toBe(409);
    expect((await make({ name: '../x' })).status).toBe(400);
    expect((await make({ name: 'short', length: 4 })).status).toBe(400);
    expect(await namesOf('scout')).toEqual(['own.scout.db_password']);
    expect(await namesOf('other')).toEqual([]);
  });
});
