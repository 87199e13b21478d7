import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SandboxLimits } from '../../protocol/config.ts';
import type { Sandbox } from '../launcher.ts';
import { createBubblewrap } from './bubblewrap.ts';

const directory = await mkdtemp(join(tmpdir(), 'hf-standby-'));
const home = join(directory, 'home');
const launcher = createBubblewrap({ home, scratch: join(home, 'run') });
const probe = await launcher.probe(AbortSignal.timeout(20_000));
if (!probe.available) console.log(`standby: skipped, because there is no sandbox (${probe.reason})`);
else if (probe.limits.processes === 'soft') console.log('standby: skipped, because no control group can be made here');

/** Our bubblewraps that live now. */
function waiting(): number {
  const tasks = readdirSync('/proc/self/task');
  const children = tasks.flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' '));
  return children.filter((pid) => pid !== '' && commOf(pid) === 'bwrap').length;
}

function commOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return ''; // It ended meanwhile.
  }
}

describe.skipIf(!probe.available || probe.limits.processes === 'soft')('a sandbox that is made ready', () => {
  let sandbox: Sandbox;

  beforeAll(async () => {
    const spec = { id: 'standby', volume: join(home, 'v'), mounts: [], limits: SandboxLimits.parse({}), env: {} };
    sandbox = await launcher.create(spec);
    sandbox.prepare?.();
  });
  afterAll(async () => {
    await sandbox?.[Symbol.asyncDispose]();
    await launcher[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  const run = async (argv: readonly [string, ...string[]], input = '') => {
    const process = sandbox.spawn({ argv });
    process.stdin.end(input);
    const [stdout, stderr, exit] = await Promise.all([text(process.stdout), text(process.stderr), process.exit]);
    return { stdout, stderr, exit };
  };

  it('runs exactly the words that it is given, whatever is in them', async () => {
    const odd = [
      "it's",
      'two\nlines\n',
      '$(id)',
      '`id`',
      '"',
      '\\',
      ' a  b ',
      '',
      '*',
      '; exit 7',
      '-n',
      "'\n'",
      'ж🙂',
    ];
    for (let round = 0; round < 3; round += 1) {
      const { stdout, exit } = await run(['sh', '-c', 'for word; do printf "<%s>" "$word"; done', 'sh', ...odd]);
      expect(stdout).toBe(odd.map((word) => `<${word}>`).join(''));
      expect(exit).toMatchObject({ reason: 'exited', code: 0 });
    }
  });

  it('gives each command namespaces of its own, the filter and no capability', async () => {
    const look = `readlink /proc/self/ns/pid; echo x > /tmp/left; grep -E "^(CapEff|NoNewPrivs|Seccomp):" /proc/self/status`;
    const [one, two] = [await run(['sh', '-c', look]), await run(['sh', '-c', `ls /tmp; ${look}`])];
    for (const { stdout } of [one, two]) expect(stdout).toMatch(/CapEff:\t0{16}\nNoNewPrivs:\t1\nSeccomp:\t2\n$/);
    const namespaceOf = (seen: string) => /pid:\[\d+\]/.exec(seen)?.[0];
    expect(namespaceOf(two.stdout)).not.toBe(namespaceOf(one.stdout));
    expect(two.stdout).not.toContain('left');
  });

  it('passes input, output and the exit code on', async () => {
    const { stdout, stderr, exit } = await run(['sh', '-c', 'cat; echo oops >&2; exit 3'], 'in');
    expect([stdout, stderr, exit.code]).toEqual(['in', 'oops\n', 3]);
  });

  it('runs several at once, of which one was ready', async () => {
    const seen = await Promise.all([1, 2, 3, 4].map((n) => run(['sh', '-c', `echo ${n}`])));
    expect(seen.map(({ stdout }) => stdout)).toEqual(['1\n', '2\n', '3\n', '4\n']);
  });

  it('keeps time limit and abort', async () => {
    const late = sandbox.spawn({ argv: ['sleep', '60'], timeoutMs: 200 });
    expect(await late.exit).toMatchObject({ reason: 'timeout' });
    const controller = new AbortController();
    const cut = sandbox.spawn({ argv: ['sleep', '60'], signal: controller.signal });
    controller.abort();
    expect(await cut.exit).toMatchObject({ reason: 'aborted' });
  });

  it('is held to the limits of its control group', async () => {
    const { exit } = await run(['sh', '-c', 'i=0; while [ $i -lt 2000 ]; do sleep 30 & i=$((i+1)); done; wait']);
    expect(exit).toMatchObject({ reason: 'limit', limit: 'processes' });
  });

  it('is ended when no command comes for a while', async () => {
    const brief = createBubblewrap({ home, scratch: join(home, 'brief'), standbyMs: 100 });
    const spec = { id: 'brief', volume: join(home, 'b'), mounts: [], limits: SandboxLimits.parse({}), env: {} };
    await sandbox.stop();
    await using other = await brief.create(spec);
    other.prepare?.();
    await expect.poll(waiting).toBe(1);
    await expect.poll(waiting).toBe(0);
    const late = other.spawn({ argv: ['echo', 'late'] });
    late.stdin.end();
    expect(await text(late.stdout)).toBe('late\n');
    await late.exit;
    await other[Symbol.asyncDispose]();
    await brief[Symbol.asyncDispose]();
  });

  it('has no process any more when it was stopped, and may be used again', async () => {
    sandbox.prepare?.();
    await expect.poll(waiting).toBe(1);
    await sandbox.stop();
    expect(waiting()).toBe(0);
    expect((await run(['echo', 'again'])).stdout).toBe('again\n');
  });
});
