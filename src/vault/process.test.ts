import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Home, homeAt, prepareHome } from '../base/home.ts';
import { vaultNodeFlags } from '../base/vault-flags.ts';
import { createVaultOwner, type VaultOwner } from '../cli/vault-owner.ts';
import { CALL_HEADERS } from '../protocol/vault-api.ts';
import { eventually, startUpstream } from '../testing/upstream.ts';
import { createVaultKey } from '../testing/vault-key.ts';
import { hostRequest } from '../testing/vault-world.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'src/vault/main.ts');

let root: string;
let home: Home;
let owner: VaultOwner;
const children: ChildProcess[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hf-vp-'));
  home = homeAt(root);
  await prepareHome(home);
  owner = createVaultOwner({ socketPath: home.vaultOwnerSocket });
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await new Promise((done) => child.once('exit', done));
    }
  }
  await rm(root, { recursive: true, force: true });
});

interface Started {
  readonly child: ChildProcess;
  readonly line: {
    ready: boolean;
    tcpPort?: number;
    locked?: boolean;
    error?: { code: string; message: string; remedy: string };
  };
  readonly stderr: () => string;
}

async function start(args: readonly string[] = [], stdin?: Buffer): Promise<Started> {
  const flags = vaultNodeFlags(home, ROOT);
  const child = spawn(process.execPath, [...flags, MAIN, '--home', root, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {},
  });
  children.push(child);
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdin?.end(stdin);
  const line = await new Promise<string>((done, fail) => {
    if (child.stdout) createInterface({ input: child.stdout }).once('line', done);
    child.once('exit', (code) => setTimeout(() => fail(new Error(`The vault ended with ${code}: ${stderr}`)), 100));
  });
  return { child, line: JSON.parse(line), stderr: () => stderr };
}

async function kill(started: Started, signal: NodeJS.Signals): Promise<void> {
  const gone = new Promise((done) => started.child.once('exit', done));
  started.child.kill(signal);
  await gone;
}

describe('the vault process', () => {
  it('starts under the permission model, reports ready, and ends on SIGTERM', async () => {
    const started = await start(['--tcp-port', '0']);
    expect(started.line).toMatchObject({ ready: true, locked: false });
    expect(started.line.tcpPort).toBeGreaterThan(0);
    const status = await owner.status();
    expect(status.confinement).toEqual(['permission-model']);
    expect(status.tcpPort).toBe(started.line.tcpPort);
    expect(status.priceData.models).toBeGreaterThan(500);
    for (const file of [home.vaultOwnerSocket, home.vaultHostSocket, home.vaultKeyFile, home.vaultDatabase]) {
      expect([file, (await stat(file)).mode & 0o777]).toEqual([file, 0o600]);
    }
    await kill(started, 'SIGTERM');
    expect(started.child.exitCode).toBe(0);
  });

  it('may neither run a program, start a worker nor read a file outside', async () => {
    const outside = join(tmpdir(), `hf-outside-${process.pid}`);
    await writeFile(outside, 'x');
    const probe = `
      import { readFileSync, writeFileSync } from 'node:fs';
      import { execFileSync } from 'node:child_process';
      import { Worker } from 'node:worker_threads';
      const attempt = (act) => { try { act(); return 'done'; } catch (error) { return error.code ?? error.name; } };
      console.log(JSON.stringify([
        attempt(() => readFileSync(${JSON.stringify(outside)})),
        attempt(() => readFileSync('/etc/passwd')),
        attempt(() => readFileSync(${JSON.stringify(home.configFile)})),
        attempt(() => writeFileSync(${JSON.stringify(join(root, 'new'))}, 'x')),
        attempt(() => execFileSync('/bin/true')),
        attempt(() => new Worker('1', { eval: true })),
        attempt(() => new Function('return 1')()),
        attempt(() => writeFileSync(${JSON.stringify(join(home.vaultDir, 'new'))}, 'x')),
      ]));`;
    // The permission model reads the code under `src`; a probe there would touch the tree, so it lies beside the database.
    const file = join(home.vaultDir, 'probe.mjs');
    await writeFile(file, probe);
    await writeFile(home.configFile, '{}');
    const child = spawn(process.execPath, [...vaultNodeFlags(home, ROOT), file], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    await new Promise((done) => child.once('close', done));
    await rm(outside);
    const denied = 'ERR_ACCESS_DENIED';
    expect(errors).toBe('');
    expect(JSON.parse(out)).toEqual([denied, denied, denied, denied, denied, denied, 'EvalError', 'done']);
  });

  it('refuses a second vault on the same home and takes over after kill -9', async () => {
    const first = await start();
    const second = await start();
    expect(second.line).toMatchObject({ ready: false, error: { code: 'conflict' } });
    expect(second.line.error?.message).toContain('Another vault');
    expect((await owner.status()).locked).toBe(false);
    await kill(first, 'SIGKILL');
    expect(existsSync(home.vaultOwnerSocket)).toBe(true);
    const third = await start();
    expect(third.line.ready).toBe(true);
    expect((await owner.status()).pid).toBe(third.child.pid);
  });

  it('keeps the ledger right when it is killed in the middle of streams', async () => {
    await using upstream = await startUpstream((_seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"choices":[{"delta":{"content":"x"}}]}\n\n');
    });
    const first = await start();
    await owner.putProvider('acme', {
      wire: 'openai-chat',
      baseUrl: `${upstream.url}/v1`,
      prices: { '*': { input: 1, output: 1 } },
    });
    await owner.putSecret('provider.acme', Buffer.from('sk-canary-key-of-acme'));
    let begun = 0;
    const calls = Array.from({ length: 20 }, (_, index) =>
      hostRequest(home, '/model/acme/chat/completions', {
        method: 'POST',
        headers: { [CALL_HEADERS.agent]: 'tester', [CALL_HEADERS.call]: `k${index}` },
        body: JSON.stringify({ model: 'm', stream: true, max_tokens: 1_000, messages: [] }),
        onChunk: () => {
          begun += 1;
        },
      }).catch((error: Error) => error),
    );
    await eventually(() => (begun >= 20 ? true : undefined));
    const before = await owner.listBudgets();
    const reserved = before.find((view) => view.agent === 'tester')?.reservedUsd ?? 0;
    expect(reserved).toBeGreaterThan(20 * 0.001);
    await kill(first, 'SIGKILL');
    for (const result of await Promise.all(calls)) expect(result).toBeInstanceOf(Error);
    await start();
    const after = (await owner.listBudgets()).find((view) => view.agent === 'tester');
    expect(after).toMatchObject({ reservedUsd: 0, callsToday: 20 });
    expect(after?.spentTodayUsd).toBeCloseTo(reserved, 9);
    const row = JSON.parse((await hostRequest(home, '/calls/k7')).text);
    expect(row).toMatchObject({ state: 'estimated', costUsd: row.reservedUsd });
    const again = await hostRequest(home, '/model/acme/chat/completions', {
      method: 'POST',
      headers: { [CALL_HEADERS.agent]: 'tester', [CALL_HEADERS.call]: 'k7' },
      body: JSON.stringify({ model: 'm', messages: [] }),
    });
    expect([again.status, again.error?.code]).toEqual([409, 'conflict']);
    expect(await owner.listSecrets()).toEqual(['provider.acme']);
  });

  it('takes a passphrase on descriptor 0, starts locked without one, and unlocks by its owner', async () => {
    const first = await start(['--key-stdin', 'passphrase'], Buffer.from('correct horse\n'));
    expect(first.line).toMatchObject({ ready: true, locked: false });
    await owner.putSecret('a', Buffer.from('some-long-secret'));
    expect(existsSync(home.vaultKeyFile)).toBe(false);
    await kill(first, 'SIGTERM');
    const wrong = await start(['--key-stdin', 'passphrase'], Buffer.from('wrong'));
    expect(wrong.line).toMatchObject({ ready: false, error: { code: 'vault.wrong-passphrase' } });
    const locked = await start();
    expect(locked.line).toMatchObject({ ready: true, locked: true });
    await expect(owner.putSecret('b', Buffer.from('another-secret'))).rejects.toMatchObject({ code: 'vault.locked' });
    await expect(owner.unlock(Buffer.from('wrong'))).rejects.toMatchObject({ code: 'vault.wrong-passphrase' });
    expect((await owner.status()).locked).toBe(true);
    await owner.unlock(Buffer.from('correct horse'));
    expect(await owner.status()).toMatchObject({ locked: false, keySource: 'passphrase' });
    expect(await owner.listSecrets()).toEqual(['a']);
  });

  it('takes the raw key of an unlocker', async () => {
    const key = createVaultKey();
    const first = await start(['--key-stdin', 'raw'], key);
    expect(first.line.ready).toBe(true);
    expect((await owner.status()).keySource).toBe('keychain');
    await kill(first, 'SIGTERM');
    const locked = await start();
    expect(locked.line).toMatchObject({ ready: true, locked: true });
    await expect(owner.unlock(createVaultKey())).rejects.toMatchObject({ code: 'vault.key-missing' });
    await expect(owner.unlock(Buffer.from('short'))).rejects.toMatchObject({ code: 'vault.key-missing' });
    await owner.unlock(key);
    expect((await owner.status()).locked).toBe(false);
    await kill(locked, 'SIGTERM');
    expect((await start(['--key-stdin', 'raw'], createVaultKey())).line).toMatchObject({
      error: { code: 'vault.key-missing' },
    });
    expect((await start(['--key-stdin', 'raw'], key)).line.ready).toBe(true);
  });

  it('refuses a key file others may read, a missing one and a wrong one, and loses nothing', async () => {
    const first = await start();
    await owner.putSecret('a', Buffer.from('some-long-secret'));
    await kill(first, 'SIGTERM');
    const key = await readFile(home.vaultKeyFile);
    await chmod(home.vaultKeyFile, 0o644);
    expect((await start()).line.error).toMatchObject({
      code: 'vault.key-missing',
      remedy: expect.stringContaining('chmod 600'),
    });
    await rm(home.vaultKeyFile);
    expect((await start()).line.error).toMatchObject({
      code: 'vault.key-missing',
      message: expect.stringContaining('missing'),
    });
    await writeFile(home.vaultKeyFile, createVaultKey().toString('base64'), { mode: 0o600 });
    expect((await start()).line.error?.message).toContain('not the one');
    await writeFile(home.vaultKeyFile, key, { mode: 0o600 });
    expect((await start()).line.ready).toBe(true);
    expect(await owner.listSecrets()).toEqual(['a']);
  });

  it('says what is wrong with its arguments', async () => {
    expect((await start(['--tcp-port', '70000'])).line.error?.message).toContain('70000');
    expect((await start(['--nope'])).line.error?.code).toBe('bad-request');
  });

  it('starts from a directory reached through a link', async () => {
    const link = join(dirname(root), `hf-link-${process.pid}`);
    await symlink(root, link);
    home = homeAt(link);
    const flags = vaultNodeFlags(home, ROOT);
    const child = spawn(process.execPath, [...flags, MAIN, '--home', link], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {},
    });
    children.push(child);
    const line = await new Promise<string>((done) => createInterface({ input: child.stdout }).once('line', done));
    await rm(link);
    expect(JSON.parse(line)).toMatchObject({ ready: true });
  });
});
