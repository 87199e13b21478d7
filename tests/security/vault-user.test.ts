import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, lstat, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { homeAt } from '../../src/base/home.ts';
import { vaultNodeFlags } from '../../src/base/vault-flags.ts';
import { vaultLevel } from '../../src/cli/doctor/vault-level.ts';
import { VAULT_MAIN } from '../../src/testing/vault-process.ts';

/**
 * The vault under a user of its own, as docs/vault.md sets it up: a process of another user, in the group of the run folder,
 * may use the host's socket and nothing else. Needs root, to be two other users.
 */
const ROOT = resolve(import.meta.dirname, '../..');
const VAULT = { uid: 64_001, gid: 64_101 };
const HOST = { uid: 64_002, gid: 64_101 };
const STRANGER = { uid: 64_003, gid: 64_103 };
const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: vault-user, because only root can be two other users');

let base: string;
let vault: ChildProcess;
const home = () => homeAt(join(base, 'vault'));

beforeEach(async () => {
  if (!isRoot) return;
  base = await mkdtemp(join(tmpdir(), 'hf-user-'));
  await chmod(base, 0o755);
  const { root, vaultDir, run } = home();
  for (const [path, mode, gid] of [
    [root, 0o710, VAULT.gid],
    [vaultDir, 0o700, VAULT.uid],
    [run, 0o2710, VAULT.gid],
  ] as const) {
    await mkdir(path);
    await chown(path, VAULT.uid, gid);
    await chmod(path, mode);
  }
  const args = [...vaultNodeFlags(home(), ROOT), VAULT_MAIN, '--home', root, '--group-socket'];
  vault = spawn(process.execPath, args, { ...VAULT, stdio: ['ignore', 'pipe', 'inherit'], env: {} });
  if (vault.stdout) await once(createInterface({ input: vault.stdout }), 'line');
});
afterEach(async () => {
  if (!isRoot) return;
  const ended = once(vault, 'exit');
  vault.kill('SIGTERM');
  await ended;
  await rm(base, { recursive: true, force: true });
});

/** Tries something as another user; the code of the error, or what came. */
async function tryAs(user: { uid: number; gid: number }, script: string): Promise<string> {
  const wrapped = `const done = (v) => console.log(String(v)); const failed = (e) => console.log(e.code); try { ${script} } catch (e) { failed(e); }`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', wrapped], {
    ...user,
    cwd: '/',
    env: {},
    timeout: 20_000,
  });
  return stdout.trim();
}

const get = (socket: string): string =>
  `require('node:http').get({ socketPath: ${JSON.stringify(socket)}, path: '/status' }, (r) => { r.resume(); done(r.statusCode); }).on('error', failed)`;
const read = (path: string): string => `done(require('node:fs').readFileSync(${JSON.stringify(path)}).length)`;

describe.skipIf(!isRoot)('a vault under its own user', { timeout: 60_000 }, () => {
  it('answers the host, and keeps its key, its database, its memory and the owner’s door to itself', async () => {
    const { vaultHostSocket, vaultOwnerSocket, vaultKeyFile, vaultDatabase, root } = home();
    expect(await tryAs(HOST, get(vaultHostSocket))).toBe('200');
    expect(await tryAs(HOST, get(vaultOwnerSocket))).toBe('EACCES');
    expect(await tryAs(HOST, read(vaultKeyFile))).toBe('EACCES');
    expect(await tryAs(HOST, read(vaultDatabase))).toBe('EACCES');
    expect(await tryAs(HOST, read(`/proc/${vault.pid}/mem`))).toMatch(/EACCES|EPERM/);
    expect(await tryAs(HOST, read(`/proc/${vault.pid}/environ`))).toMatch(/EACCES|EPERM/);
    expect(await tryAs(HOST, `done(require('node:fs').readdirSync(${JSON.stringify(root)}).length)`)).toBe('EACCES');
    expect(await tryAs(VAULT, get(vaultOwnerSocket))).toBe('200');
    expect((await lstat(vaultHostSocket)).mode & 0o777).toBe(0o660);
  });

  it('is closed to everybody else', async () => {
    expect(await tryAs(STRANGER, get(home().vaultHostSocket))).toBe('EACCES');
    expect(await tryAs(STRANGER, read(home().vaultKeyFile))).toBe('EACCES');
  });

  it('is told apart by doctor, through the link in the home of the host', async () => {
    const mine = homeAt(join(base, 'mine'));
    await mkdir(mine.run, { recursive: true });
    expect((await vaultLevel(mine, HOST.uid)).text).toBe('level not known');
    await symlink(home().vaultHostSocket, mine.vaultHostSocket);
    expect(await vaultLevel(mine, HOST.uid)).toMatchObject({ ownUser: true, text: expect.stringContaining('64001') });
    expect(await vaultLevel(mine, VAULT.uid)).toMatchObject({
      ownUser: false,
      text: expect.stringContaining('same user'),
    });
  });
});
