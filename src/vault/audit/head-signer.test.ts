import { createHmac, createPublicKey, randomBytes, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { firstLink, linkAfter } from '../../base/hash-chain.ts';
import { HeadReply, HeadState, headText, type SignedHead } from '../../protocol/audit.ts';
import { createVaultWorld, type VaultWorld } from '../../testing/vault-world.ts';

const CHAIN = 'a'.repeat(32);

async function sign(world: VaultWorld, request: { from: number; digests: Buffer; chain?: string }) {
  const body = JSON.stringify({
    chain: request.chain ?? CHAIN,
    from: request.from,
    seq: request.from + request.digests.length / 32,
    digests: request.digests.toString('base64'),
  });
  return await world.host('/audit-heads', { method: 'POST', body });
}

const headOf = (answer: { text: string }): SignedHead => HeadReply.parse(JSON.parse(answer.text)).head;

function isSigned(head: SignedHead): boolean {
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(head.key, 'base64url')]);
  const key = createPublicKey({ key: der, type: 'spki', format: 'der' });
  return verify(null, Buffer.from(headText(head)), key, Buffer.from(head.signature, 'base64url'));
}

describe('the signer of heads', () => {
  it('signs what continues the last head, and keeps its key over a restart', async () => {
    await using world = await createVaultWorld();
    const digests = randomBytes(32 * 5);
    const first = headOf(await sign(world, { from: 0, digests: digests.subarray(0, 96) }));
    expect(first).toMatchObject({ count: 3, chains: 1, link: linkAfter(firstLink(CHAIN), digests.subarray(0, 96)) });
    await world.restart();
    const second = headOf(await sign(world, { from: 3, digests: digests.subarray(96) }));
    expect(second).toMatchObject({ count: 5, key: first.key, link: linkAfter(firstLink(CHAIN), digests) });
    expect([first, second].map(isSigned)).toEqual([true, true]);
    const state = HeadState.parse(JSON.parse((await world.host(`/audit-heads/${CHAIN}`)).text));
    expect(state).toEqual({ signed: { count: 5, link: second.link }, key: first.key });
  });

  it('signs no other past for a host that asks', async () => {
    await using world = await createVaultWorld();
    await sign(world, { from: 0, digests: randomBytes(96) });
    const again = await sign(world, { from: 0, digests: randomBytes(96) });
    const short = await sign(world, { from: 2, digests: randomBytes(32) });
    const ahead = await sign(world, { from: 4, digests: randomBytes(32) });
    expect([again.status, short.status, ahead.status]).toEqual([409, 409, 409]);
    expect(JSON.parse(again.text)).toMatchObject({ code: 'conflict', details: { count: 3 } });
  });

  it('says in every head how many chains there were, so that a replaced database shows', async () => {
    await using world = await createVaultWorld();
    await sign(world, { from: 0, digests: randomBytes(32) });
    expect(headOf(await sign(world, { chain: 'b'.repeat(32), from: 0, digests: randomBytes(32) })).chains).toBe(2);
  });

  it.each([
    ['nothing at all', ''],
    ['half a digest', randomBytes(16).toString('base64')],
    ['too many', randomBytes(32 * 4_097).toString('base64')],
  ])('refuses %s', async (_what, digests) => {
    await using world = await createVaultWorld();
    const body = JSON.stringify({ chain: CHAIN, from: 0, seq: 1, digests });
    expect((await world.host('/audit-heads', { method: 'POST', body })).status).toBe(400);
  });

  it('answers with an HMAC under the secret of the webhook, which stays in the vault', async () => {
    await using world = await createVaultWorld();
    await world.owner.putSecret('audit.webhook', Buffer.from('shared-secret'));
    const { head, hmac } = HeadReply.parse(JSON.parse((await sign(world, { from: 0, digests: randomBytes(32) })).text));
    expect(hmac).toBe(createHmac('sha256', 'shared-secret').update(JSON.stringify({ head })).digest('hex'));
  });
});

describe('what happened at the doors of the vault', () => {
  const events = async (world: VaultWorld, after = 0) =>
    (JSON.parse((await world.host(`/audit-events?after=${after}`)).text) as { events: Record<string, unknown>[] })
      .events;

  it('is told to the host by name, and without a value', async () => {
    await using world = await createVaultWorld();
    await world.owner.putSecret('provider.openai', Buffer.from('sk-canary-1'));
    await world.owner.putBudget('operator', { dailyUsd: 1, monthlyUsd: 2 });
    await world.host('/secrets/provider.openai', { method: 'DELETE' });
    await world.host('/freeze', { method: 'PUT', body: JSON.stringify({ agent: 'operator', reason: 'test' }) });
    const told = await events(world);
    expect(told.map(({ door, action, target, outcome }) => [door, action, target, outcome])).toEqual([
      ['owner', 'PUT secrets', 'provider.openai', 'done'],
      ['owner', 'PUT budgets', 'operator', 'done'],
      ['host', 'DELETE secrets', 'provider.openai', 'forbidden'],
      ['host', 'PUT freeze', '', 'done'],
    ]);
    expect(JSON.stringify(told)).not.toContain('canary');
    expect(await events(world, Number(told[2]?.['id']))).toHaveLength(1);
  });

  it('leaves out the work of every call', async () => {
    await using world = await createVaultWorld();
    await world.host('/status');
    await world.host('/egress-doors', { method: 'POST', body: JSON.stringify({ agent: 'operator', run: 'r1' }) });
    expect(await events(world)).toEqual([]);
  });
});
