import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { homeAt } from '../../src/base/home.ts';
import type { SupervisorStatus } from '../../src/cli/supervisor/control.ts';
import { identify } from '../../src/cli/supervisor/process-id.ts';
import type { ApprovalView, MessageView, StatusView } from '../../src/protocol/api.ts';
import { type CliResult, holdfast } from './cli-process.ts';
import { FAKE_ANSWER, startFakeProvider } from './fake-provider.ts';

/** The whole product as a user runs it: real supervisor, vault, simulator and host, driven only through the command line. */
const SHELL_KEY = 'sk-from-the-shell-0b1c2d3e4f';
const KEY = 'sk-stored-9c41d07e55aa1b';
const SLOW_MS = 120_000;
let base: string;
let home: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'hf-e2e-'));
  home = join(base, 'home');
});
afterAll(async () => {
  await holdfast(['stop'], { home });
  await rm(base, { recursive: true, force: true });
});

interface Status {
  readonly state: string;
  readonly problems: readonly string[];
  readonly supervisor: SupervisorStatus | null;
  readonly host: StatusView | null;
}

function run(...args: string[]): Promise<CliResult> {
  return holdfast(args, { home, env: { OPENAI_API_KEY: SHELL_KEY }, timeoutMs: SLOW_MS });
}

async function json<T>(...args: string[]): Promise<T> {
  const { stdout, stderr } = await run(...args, '--json');
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

async function pids(): Promise<Record<string, number>> {
  const { supervisor } = await json<Status>('status');
  const children = supervisor?.processes.map((one) => [one.name, one.pid ?? 0]) ?? [];
  return Object.fromEntries([['supervisor', supervisor?.pid ?? 0], ...children]);
}

async function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (const deadline = Date.now() + 60_000; ; await delay(100)) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error('did not happen within a minute');
  }
}

/** Every byte a process was started with. */
async function startedWith(pid: number): Promise<string> {
  return `${await readFile(`/proc/${pid}/cmdline`, 'latin1')}\n${await readFile(`/proc/${pid}/environ`, 'latin1')}`;
}

async function filesWith(needle: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(home, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && (await readFile(path)).includes(needle)) found.push(path);
  }
  return found;
}

describe('the product from the command line', { timeout: SLOW_MS }, () => {
  it('starts in the background, prints a login link and says that the simulator answers', async () => {
    const { code, stdout, stderr } = await run('start', '--port', '0');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(/Dashboard {2}http:\/\/127\.0\.0\.1:\d+\/\S+/);
    expect(stdout).toContain('simulator answers');
    expect(await json<Status>('status')).toMatchObject({ state: 'ok', host: { simulated: true, home } });
  });

  it('says so when it already runs', async () => {
    const { code, stdout } = await run('start');
    expect(code).toBe(0);
    expect(stdout).toContain('already runs');
    expect((await run('start', '--port', '1')).code).toBe(1);
  });

  it('answers a message on stdout and keeps it in the history', async () => {
    const { code, stdout, stderr } = await run('send', 'operator', 'hello');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toContain('simulator');
    const history = await json<MessageView[]>('history', 'operator');
    expect(history.map((one) => [one.text, one.state])).toEqual([['hello', 'answered']]);
    expect((await run('send', 'nobody', 'hello')).stderr).toContain('[not-found]');
  });

  it('holds a conversation over a pipe', async () => {
    const { code, stdout } = await holdfast(['chat'], {
      home,
      stdin: '/agents\nhello again\n/histry\n',
      timeoutMs: SLOW_MS,
    });
    expect(code).toBe(0);
    expect(stdout).toContain('operator');
    expect(stdout).toContain('Did you mean /history?');
    expect(stdout.match(/\d+ steps? · \$/g)).toHaveLength(1);
  });

  it('passes no key of the shell to any process', async ({ skip }) => {
    if (!existsSync('/proc/self/environ')) return skip('no /proc on this system');
    for (const [name, pid] of Object.entries(await pids()))
      expect(await startedWith(pid), name).not.toContain(SHELL_KEY);
  });

  it('goes on after kill -9 of host and vault and answers exactly once', async () => {
    const folder = join(base, 'reports');
    await mkdir(folder);
    await writeFile(join(folder, 'one.txt'), 'hello\n');
    let told = '';
    const onStderr = (text: string): void => {
      told = text;
    };
    const sent = holdfast(['send', 'operator', folder, '--json'], { home, timeoutMs: SLOW_MS, onStderr });
    const id = await until(async () => /holdfast approve (apr_[0-9a-f]{32})/.exec(told)?.[1]);
    const before = await pids();
    process.kill(before['host'] ?? 0, 'SIGKILL');
    process.kill(before['vault'] ?? 0, 'SIGKILL');
    await until(async () => {
      const now = await json<Status>('status').catch(() => undefined);
      const fresh = now?.supervisor?.processes.every((one) => one.state === 'up') && (await pids());
      return now?.state === 'ok' && fresh && fresh['host'] !== before['host'] && fresh['vault'] !== before['vault'];
    });
    expect((await json<ApprovalView[]>('pending')).map((one) => one.id)).toEqual([id]);
    const allowed = await run('approve', id.slice(-8));
    expect(allowed.stdout).toContain('Allowed.');
    const { code, stdout } = await sent;
    expect(code).toBe(0);
    const answered: MessageView = JSON.parse(stdout);
    expect(answered.state).toBe('answered');
    const history = await json<MessageView[]>('history', 'operator');
    expect(history.filter((one) => one.text === folder)).toEqual([answered]);
  });

  it('takes a key over stdin while it runs, uses it, and writes it nowhere readable', async () => {
    await using provider = await startFakeProvider(KEY);
    const args = ['--provider', 'openai-compatible', '--base-url', provider.url, '--model', 'some-model'];
    const options = { home, stdin: `${KEY}\n`, timeoutMs: SLOW_MS };
    const setup = await holdfast(['setup', '--non-interactive', ...args, '--api-key-stdin'], options);
    expect(setup.stderr).toBe('');
    expect(setup.stdout).toContain('the running host uses it');
    expect((await run('send', 'operator', 'and now?')).stdout.trim()).toBe(FAKE_ANSWER);
    expect(new Set(provider.keysSeen)).toEqual(new Set([KEY]));
    expect(await filesWith(KEY)).toEqual([]);
    if (existsSync('/proc/self/environ'))
      for (const [name, pid] of Object.entries(await pids())) expect(await startedWith(pid), name).not.toContain(KEY);
    expect((await json<Status>('status')).host).toMatchObject({ simulated: false });
  });

  it('survives kill -9 of its supervisor: the next start leaves one of each', async () => {
    const before = await pids();
    process.kill(before['supervisor'] ?? 0, 'SIGKILL');
    await until(async () => (await identify(before['supervisor'] ?? 0)) === undefined);
    const { code } = await run('start', '--port', '0');
    expect(code).toBe(0);
    for (const name of ['host', 'vault']) expect(await identify(before[name] ?? 0), name).toBeUndefined();
    expect((await json<Status>('status')).supervisor?.processes.map((one) => one.name)).toEqual(['vault', 'host']);
  });

  it('shows its logs and keeps its budgets', async () => {
    expect((await run('logs', 'supervisor')).stdout).toContain('started');
    const { stdout } = await run('budget', 'operator', '--daily', '1.5');
    expect(stdout).toMatch(/operator .*\$1\.50/);
    expect((await run('budget', 'operator', '--daily', '-1')).code).toBe(2);
  });

  it('makes, lists and revokes a token', async () => {
    const made = await json<{ id: string; token: string }>('token', 'create', 'for a test');
    expect((await run('token', 'list')).stdout).toContain('for a test');
    expect(await filesWith(made.token)).toEqual([]);
    expect((await run('token', 'revoke', made.id)).code).toBe(0);
    expect((await run('token', 'list')).stdout).toContain('No tokens.');
  });

  it('stops and leaves no process', async () => {
    const before = await pids();
    expect((await run('stop')).stdout).toContain('Stopped.');
    for (const [name, pid] of Object.entries(before)) expect(await identify(pid), name).toBeUndefined();
    expect(existsSync(homeAt(home).supervisorPid)).toBe(false);
    expect((await run('stop')).stdout).toContain('not running');
  });
});
