import { describe, expect, it } from 'vitest';
import { totpCode, totpStep } from '../../base/totp.ts';
import { TotpSetup } from '../../protocol/totp.ts';
import { createVaultWorld, type VaultWorld } from '../../testing/vault-world.ts';

const PERSON = `usr_${'1'.repeat(32)}`;

function fromBase32(text: string): Buffer {
  const bits = [...text]
    .map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0'))
    .join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

/** A vault on a clock of the test's, and codes as an authenticator would show them. */
async function start() {
  let now = 1_700_000_000_000;
  const world = await createVaultWorld({ now: () => now });
  const post = (path: string, body: object) => world.host(path, { method: 'POST', body: JSON.stringify(body) });
  return {
    world,
    post,
    forward: (ms: number) => {
      now += ms;
    },
    code: (key: Buffer, steps = 0) => totpCode(key, totpStep(now) + steps),
    check: (code: string, subject = PERSON) => post(`/totp/${subject}/check`, { code }),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

async function setUp(test: Awaited<ReturnType<typeof start>>, subject = PERSON): Promise<Buffer> {
  const { secret, uri } = TotpSetup.parse(JSON.parse((await put(test.world, subject)).text));
  expect(uri).toContain(secret);
  const key = fromBase32(secret);
  expect((await test.post(`/totp/${subject}/confirm`, { code: test.code(key) })).status).toBe(204);
  test.forward(30_000);
  return key;
}

const put = (world: VaultWorld, subject: string) => world.host(`/totp/${subject}`, { method: 'PUT' });

describe('a second factor', () => {
  it('counts from its first right code on, and is good once per code', async () => {
    await using test = await start();
    const key = await setUp(test);
    expect((await test.check(test.code(key))).status).toBe(204);
    expect((await test.check(test.code(key))).status).toBe(401);
    test.forward(30_000);
    expect((await test.check(test.code(key))).status).toBe(204);
    expect((await test.check(test.code(key, -1))).status).toBe(401);
  });

  it('stands nowhere in force before that code', async () => {
    await using test = await start();
    const { secret } = TotpSetup.parse(JSON.parse((await put(test.world, PERSON)).text));
    expect((await test.check(test.code(fromBase32(secret)))).status).toBe(404);
    expect((await test.post(`/totp/${PERSON}/confirm`, { code: '000000' })).status).toBe(401);
  });

  it('pauses after five wrong codes, also over a restart, and even for the right one', async () => {
    await using test = await start();
    const key = await setUp(test);
    for (let n = 0; n < 5; n += 1) expect((await test.check('000000')).status).toBe(401);
    expect((await test.check(test.code(key))).status).toBe(429);
    await test.world.restart();
    expect((await test.check(test.code(key))).status).toBe(429);
    test.forward(300_001);
    expect((await test.check(test.code(key))).status).toBe(204);
  });

  it('cannot be replaced by whoever asks, and its key comes out of no route', async () => {
    await using test = await start();
    const key = await setUp(test);
    expect((await put(test.world, PERSON)).status).toBe(409);
    expect((await test.world.host('/totp')).text).toBe(JSON.stringify({ subjects: [PERSON] }));
    expect(test.world.logs.join()).not.toContain(key.toString('hex'));
  });

  it('of the owner is changed at the owner’s socket only, and ends a freeze through the host', async () => {
    await using test = await start();
    expect((await put(test.world, 'owner')).status).toBe(403);
    expect((await test.world.host('/totp/owner', { method: 'DELETE' })).status).toBe(403);
    const socketPath = test.world.home.vaultOwnerSocket;
    const owner = (path: string, method: string, body = '') => test.world.host(path, { method, body, socketPath });
    const { secret } = TotpSetup.parse(JSON.parse((await owner('/totp/owner', 'PUT')).text));
    const key = fromBase32(secret);
    expect((await owner('/totp/owner/confirm', 'POST', JSON.stringify({ code: test.code(key) }))).status).toBe(204);
    test.forward(30_000);
    await test.world.host('/freeze', { method: 'PUT', body: JSON.stringify({ agent: '*', reason: 'test' }) });
    expect((await test.world.host('/freeze', { method: 'DELETE' })).status).toBe(403);
    expect((await test.post('/freeze/resume', { agent: '*', code: '000000' })).status).toBe(401);
    expect((await test.world.host('/freeze')).text).toContain('"reason":"test"');
    expect((await test.post('/freeze/resume', { agent: '*', code: test.code(key) })).status).toBe(204);
    expect((await test.world.host('/freeze')).text).toBe('{"frozen":[]}');
  });
});
