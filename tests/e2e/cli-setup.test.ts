import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { homeAt } from '../../src/base/home.ts';
import { type CliResult, holdfast } from './cli-process.ts';
import { startFakeProvider } from './fake-provider.ts';

const KEY = 'sk-setup-5f1c2f0e77aa49d2b3c4';
let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'hf-setup-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

function setup(args: readonly string[], stdin = `${KEY}\n`): Promise<CliResult> {
  return holdfast(['setup', '--non-interactive', ...args], { home, stdin });
}

function compatible(url: string): string[] {
  return ['--provider', 'openai-compatible', '--base-url', url, '--model', 'some-model', '--api-key-stdin'];
}

async function filesWith(needle: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(home, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && (await readFile(path)).includes(needle)) found.push(path);
  }
  return found;
}

describe('holdfast setup --non-interactive', () => {
  it('hands the key to the vault, proves it, and writes only the choice to config.json', async () => {
    await using provider = await startFakeProvider(KEY);
    const { code, stdout, stderr } = await setup([...compatible(provider.url), '--name', 'mine', '--daily-usd', '3']);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(provider.keysSeen).toEqual([KEY]);
    expect(JSON.parse(await readFile(join(home, 'config.json'), 'utf8'))).toEqual({
      version: 1,
      model: 'mine/some-model',
    });
    expect((await stat(join(home, 'config.json'))).mode & 0o777).toBe(0o600);
    expect(await filesWith(KEY)).toEqual([]);
    expect(stdout).not.toContain(KEY);
    expect(existsSync(homeAt(home).supervisorPid)).toBe(false);
  });

  it('says that the key is wrong, takes the new provider back and leaves the config alone', async () => {
    await using provider = await startFakeProvider('another-key');
    await writeFile(join(home, 'config.json'), '{"logLevel":"warn"}');
    const { code, stderr } = await setup(compatible(provider.url));
    expect(code).toBe(1);
    expect(stderr).toContain('[model.auth]');
    expect(stderr).toMatch(/fix .*key/);
    expect(await readFile(join(home, 'config.json'), 'utf8')).toBe('{"logLevel":"warn"}');
    expect(stderr).not.toContain(KEY);
    const again = await setup(['--provider', 'openai', '--no-test']);
    expect(again.stderr).toContain('[vault.secret-missing]');
  });

  it('says that the provider is down', async () => {
    const { code, stderr } = await setup(compatible('http://127.0.0.1:9/v1'));
    expect(code).toBe(1);
    expect(stderr).toContain('[model.unreachable]');
    expect(stderr).toContain('fix');
  });

  it('keeps and reports keys of config.json that it does not know', async () => {
    await using provider = await startFakeProvider(KEY);
    await writeFile(join(home, 'config.json'), '{"experimental":{"a":1},"logLevel":"warn"}');
    const { code, stderr } = await setup(compatible(provider.url));
    expect(code).toBe(0);
    expect(stderr).toContain('experimental: unknown key');
    expect(JSON.parse(await readFile(join(home, 'config.json'), 'utf8'))).toEqual({
      version: 1,
      experimental: { a: 1 },
      logLevel: 'warn',
      model: 'openai-compatible/some-model',
    });
  });

  it('touches nothing when config.json cannot be read back', async () => {
    await mkdir(home, { recursive: true });
    await writeFile(join(home, 'config.json'), '{"logLevel": }');
    const { code, stderr } = await setup(compatible('http://127.0.0.1:9/v1'));
    expect(code).toBe(1);
    expect(stderr).toContain('line 1, column 14');
    expect(existsSync(join(home, 'vault'))).toBe(false);
  });

  it.each([
    [['--provider', 'opnai'], 'unknown provider "opnai"', '--provider openai'],
    [[], '--non-interactive needs --provider', '--api-key-stdin'],
    [['--provider', 'openai-compatible', '--model', 'm'], 'needs its address', '--base-url'],
    [['--provider', 'openai-compatible', '--base-url', 'http://127.0.0.1:9/v1'], 'no model is named', '--model'],
    [['--provider', 'openai', '--base-url', 'ftp://x'], 'no http or https address', 'https://'],
    [['--provider', 'openai', '--base-url', 'https://u:p@x/v1'], 'holds a user name', '--api-key-stdin'],
    [['--provider', 'openai', '--input-price', '1'], 'a price needs both halves', '--output-price'],
    [['--provider', 'openai', '--daily-usd', 'lots'], '--daily-usd is "lots"', 'number'],
    [['--provider', 'openai', '--name', 'My Own'], 'no name for a provider', 'a-z'],
  ])('refuses %j', async (args, message, remedy) => {
    const { code, stderr } = await setup(args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).toContain(remedy);
    expect(existsSync(join(home, 'vault'))).toBe(false);
  });

  it('refuses a model whose price nobody knows, and takes the price from the user', async () => {
    const far = ['--provider', 'openai-compatible', '--base-url', 'https://llm.invalid/v1', '--model', 'unheard-of'];
    const refused = await setup([...far, '--api-key-stdin', '--no-test']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('[model.unpriced]');
    expect(refused.stderr).toContain('--input-price');
    const priced = await setup([...far, '--api-key-stdin', '--no-test', '--input-price', '1', '--output-price', '2']);
    expect(priced.stderr).toBe('');
    expect(priced.code).toBe(0);
  });
});
