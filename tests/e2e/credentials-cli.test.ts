import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createVaultWorld, type VaultWorld } from '../../src/testing/vault-world.ts';
import { holdfast } from './cli-process.ts';

/** The commands as a user types them, against a real vault: values go in over stdin and come out nowhere. */
let world: VaultWorld;
let folder: string;
beforeEach(async () => {
  world = await createVaultWorld();
  folder = await mkdtemp(join(tmpdir(), 'hf-cred-cli-'));
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const VALUE = 'bsa-canary-9988776655443322';
const seen: string[] = [];

async function run(line: string, stdin = '', env: Record<string, string> = {}): Promise<string> {
  const result = await holdfast(line.split(' '), { home: world.home.root, stdin, env });
  seen.push(result.stdout, result.stderr);
  if (result.code !== 0) throw new Error(result.stderr);
  return result.stdout;
}

const namesOf = async (agent: string): Promise<string[]> =>
  JSON.parse((await world.host(`/agent-credentials/${agent}`)).text).credentials.map(
    (one: { name: string }) => one.name,
  );

describe('holdfast credentials', { timeout: 120_000 }, () => {
  it('adds, grants, rotates, lists, revokes and removes, and prints no value', async () => {
    const added = await run(
      'credentials add brave_search --places https://api.search.brave.com --agents scout',
      `${VALUE}\n`,
    );
    expect(added).toContain('$CRED{brave_search}');
    await run('credentials generate hook_secret');
    await run('credentials grant scout hook_*');
    expect(await namesOf('scout')).toEqual(['brave_search', 'hook_secret']);
    await run('credentials rotate brave_search', `${VALUE}-second`);
    const list = await run('credentials list');
    expect(list).toMatch(/brave_search\s+value\s+scout\s+https:\/\/api\.search\.brave\.com/);
    await run('credentials revoke scout hook_*');
    await run('credentials remove brave_search');
    expect(await namesOf('scout')).toEqual([]);
    await expect(run('credentials remove brave_search')).rejects.toThrow('not-found');
    await expect(run('credentials ad x')).rejects.toThrow('credentials add');
    await expect(run('credentials add provider.openai', 'x')).rejects.toThrow('system tier');
    await expect(
      run('credentials add db --kind postgres', `{"username":"u","password":"${VALUE}","nope":"1"}`),
    ).rejects.toThrow('has no nope');
    await expect(run('credentials add db --kind postgres', `no json ${VALUE}`)).rejects.toThrow('one JSON object');
    expect(seen.join('\n')).not.toContain(VALUE);
  });

  it('imports a .env file and the logins of other programs', async () => {
    await writeFile(join(folder, '.env'), `# keys\nBRAVE_KEY="${VALUE}"\nexport HUNTER_KEY='h-1' # note\nEMPTY=\n`);
    expect(await run(`credentials import ${join(folder, '.env')} --agents scout`)).toContain(
      'Added: BRAVE_KEY, HUNTER_KEY',
    );
    expect(await namesOf('scout')).toEqual(['brave_key', 'hunter_key']);
    expect(await run(`credentials import ${join(folder, '.env')}`)).toContain('Left as they were');
    await writeFile(
      join(folder, '.credentials.json'),
      JSON.stringify({ claudeAiOauth: { accessToken: `sk-ant-oat01-${VALUE}`, refreshToken: 'r', expiresAt: 1 } }),
    );
    await writeFile(join(folder, 'auth.json'), JSON.stringify({ OPENAI_API_KEY: `sk-${VALUE}`, tokens: null }));
    await run('credentials import --claude', '', { CLAUDE_CONFIG_DIR: folder });
    await run('credentials import --codex', '', { CODEX_HOME: folder });
    expect(await world.owner.listSecrets()).toEqual(['provider.anthropic', 'provider.openai']);
    expect(await namesOf('scout')).toEqual(['brave_key', 'hunter_key']);
    await writeFile(
      join(folder, 'auth.json'),
      JSON.stringify({ OPENAI_API_KEY: null, tokens: { access_token: VALUE } }),
    );
    await expect(run('credentials import --codex', '', { CODEX_HOME: folder })).rejects.toThrow('ChatGPT');
    expect(seen.join('\n')).not.toContain(VALUE);
  });

  it('exports a file that only its passphrase opens, and never overwrites one', async () => {
    await run('credentials add a --agents scout', VALUE);
    const file = join(folder, 'export.json');
    await run(`credentials export ${file}`, 'correct horse battery\n');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, 'utf8')).not.toContain(VALUE);
    await expect(run(`credentials export ${file}`, 'correct horse battery')).rejects.toThrow('cannot be made');
    await run('credentials remove a');
    await expect(run(`credentials import ${file}`, 'wrong passphrase')).rejects.toThrow('vault.wrong-passphrase');
    expect(await run(`credentials import ${file}`, 'correct horse battery')).toContain('Added: a');
    expect(await namesOf('scout')).toEqual(['a']);
    expect(seen.join('\n')).not.toContain(VALUE);
  });
});

describe('holdfast owner', { timeout: 120_000 }, () => {
  it('makes a key, signs a change on another machine, and the host relays it', async () => {
    await run('owner key');
    const file = join(world.home.root, 'owner.key');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const { publicKey } = JSON.parse((await world.host('/identity')).text);
    expect(await run('credentials fingerprint')).toContain(publicKey);
    const change = {
      kind: 'credential.add',
      name: 'remote',
      facts: { kind: 'value' },
      agents: ['scout'],
      parts: { value: VALUE },
    };
    const away = { ...world.home, root: folder };
    const signed = await holdfast(['owner', 'sign', '--file', file, '--vault-key', publicKey], {
      home: away.root,
      stdin: JSON.stringify(change),
    });
    expect([signed.code, signed.stderr]).toEqual([0, '']);
    expect(signed.stdout).not.toContain(VALUE);
    const answer = await world.host('/owner-changes', { method: 'POST', body: signed.stdout });
    expect(JSON.parse(answer.text)).toEqual({ state: 'done' });
    expect(await namesOf('scout')).toEqual(['remote']);
    await expect(run('owner key')).rejects.toThrow('never overwritten');
  });

  it('seals its key under a passphrase', async () => {
    const file = join(folder, 'sealed.key');
    await run(`owner key --passphrase --file ${file}`, 'words of mine\n');
    expect(await readFile(file, 'utf8')).not.toContain('privateKey');
    const change = JSON.stringify({ kind: 'unfreeze', agent: 'scout' });
    await expect(run(`owner sign --file ${file}`, change, { HOLDFAST_OWNER_PASSPHRASE: 'no' })).rejects.toThrow(
      'wrong',
    );
    const signed = await run(`owner sign --file ${file}`, change, { HOLDFAST_OWNER_PASSPHRASE: 'words of mine' });
    await run('vault freeze scout it went mad');
    expect(await run('vault frozen')).toContain('it went mad');
    expect(JSON.parse((await world.host('/owner-changes', { method: 'POST', body: signed })).text)).toEqual({
      state: 'done',
    });
    expect(await run('vault frozen')).toContain('Nothing is frozen.');
  });

  it('shows what waits, and confirms or refuses it', async () => {
    const { fingerprint } = JSON.parse((await world.host('/identity')).text);
    const now = Date.now();
    const hold = async (glob: string): Promise<string> => {
      const change = { kind: 'grant.add', agent: 'scout', glob };
      const payload = JSON.stringify({
        vault: fingerprint,
        id: `${glob}-0123456789abcdef`,
        issuedAt: now,
        expiresAt: now + 60_000,
        change,
      });
      const answer = await world.host('/owner-changes', { method: 'POST', body: JSON.stringify({ payload }) });
      return JSON.parse(answer.text).id;
    };
    const [first, second] = [await hold('a'), await hold('b')];
    expect(await run('owner pending')).toContain('let scout use the credentials a');
    await run(`owner confirm ${first}`);
    await run(`owner refuse ${second}`);
    expect(await run('owner pending')).toContain('Nothing waits');
    expect(await run('credentials list')).toContain('no credentials');
    expect(JSON.parse(await run('credentials list --json')).grants).toMatchObject([{ agent: 'scout', glob: 'a' }]);
  });
});
