/** What becomes of sandboxes when their host process dies, and of the launcher when the host is not root. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBubblewrap } from '../../src/sandbox/bubblewrap/bubblewrap.ts';
import { findByMarker, until } from '../../src/sandbox/launcher.conformance.ts';
import { whyNoSandbox } from './sandbox-world.ts';

const reason = await whyNoSandbox();
if (reason) console.warn(`skipped: no sandbox on this machine. ${reason}`);
const isRoot = userInfo().uid === 0;
if (!isRoot) console.warn('skipped: the unprivileged host is tested only by root, who can become somebody else');

const CHILD = join(import.meta.dirname, 'sandbox-host-process.ts');
const SOMEBODY = 54_321;
const TREE = (marker: string): string =>
  `setsid sh -c "trap '' TERM HUP; (sleep 600; : ${marker}) >/dev/null 2>&1 & sleep 600; : ${marker}" & echo ready; sleep 600; : ${marker}`;

describe.skipIf(reason !== undefined)('a host process', () => {
  let root: string;
  let home: string;
  let child: ChildProcess | undefined;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'holdfast-host-'));
    await chmod(root, 0o755);
    home = join(root, 'home');
    await mkdir(home, { mode: 0o700 });
  });
  afterEach(async () => {
    if (child && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await using cleaner = createBubblewrap({ home, scratch: join(home, 'run') });
    await cleaner.sweep();
    await rm(root, { recursive: true, force: true });
  });

  const start = (script: string, options: { uid?: number; limits?: string } = {}): ChildProcess => {
    const { uid, limits = 'auto' } = options;
    child = spawn(process.execPath, ['--no-warnings', CHILD, home, script, limits], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(uid === undefined ? {} : { uid, gid: uid }),
      env: { PATH: process.env['PATH'], HOME: home },
    });
    return child;
  };

  const startTree = async (marker: string, options: { uid?: number; limits?: string } = {}): Promise<ChildProcess> => {
    const host = start(TREE(marker), options);
    if (!host.stdout) throw new Error('no stdout');
    const lines: string[] = [];
    for await (const line of createInterface({ input: host.stdout })) {
      lines.push(line);
      if (line === 'ready') break;
    }
    expect(lines.at(-1), lines.join('\n')).toBe('ready');
    await until(() => findByMarker(marker).length >= 3);
    return host;
  };

  for (const limits of ['auto', 'soft'])
    it(`that is killed leaves no process, group or file behind after the sweep (limits ${limits})`, async () => {
      const marker = `marker-crash-${limits}-${process.pid}`;
      const host = await startTree(marker, { limits });
      host.kill('SIGKILL');
      await once(host, 'exit');
      await using next = createBubblewrap({ home, scratch: join(home, 'run') });
      await next.sweep();
      await until(() => findByMarker(marker).length === 0);
      expect(await readdir(join(home, 'run'))).toEqual([]);
      expect(await next.sweep()).toBe(0);
    });

  it('that lives is left alone by the sweep of another', async () => {
    const marker = `marker-alive-${process.pid}`;
    await startTree(marker);
    await using next = createBubblewrap({ home, scratch: join(home, 'run') });
    expect(await next.sweep()).toBe(0);
    expect(findByMarker(marker).length).toBeGreaterThanOrEqual(3);
  });

  describe.skipIf(!isRoot)('that is not root', () => {
    const LOOK =
      'id -u; grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status; echo x > /data/x && cat /data/x; unshare -Ur true; ls /proc/1/root/root /root; : > /proc/sys/kernel/core_pattern';

    it('isolates alike', async () => {
      await chown(home, SOMEBODY, SOMEBODY);
      const host = start(LOOK, { uid: SOMEBODY });
      const out = host.stdout ? await text(host.stdout) : '';
      const err = host.stderr ? await text(host.stderr) : '';
      expect(out, err).toContain('"available":true');
      expect(out).toMatch(/^65534$/m);
      expect(out).toMatch(/^CapEff:\s0{16}$/m);
      expect(out).toMatch(/^CapBnd:\s0{16}$/m);
      expect(out).toMatch(/^Seccomp:\s2$/m);
      expect(out).toMatch(/^x$/m);
      expect(out).toMatch(/unshare.*not permitted/);
      expect(out).toMatch(/core_pattern.*(Permission denied|Read-only)/);
    });

    it('leaves nothing behind when it is killed', async () => {
      await chown(home, SOMEBODY, SOMEBODY);
      const marker = `marker-somebody-${process.pid}`;
      const host = await startTree(marker, { uid: SOMEBODY });
      host.kill('SIGKILL');
      await until(() => findByMarker(marker).length === 0);
    });
  });

  it('without bubblewrap refuses with the remedy', async () => {
    await using launcher = createBubblewrap({ home, scratch: join(home, 'run'), program: 'no-such-bwrap' });
    const probe = await launcher.probe(AbortSignal.timeout(5_000));
    expect(probe).toMatchObject({ available: false });
    expect(probe.remedy).toContain('apt-get install bubblewrap');
    await expect(
      launcher.create({ id: 'x', volume: join(home, 'v'), mounts: [], limits: {} as never, env: {} }),
    ).rejects.toMatchObject({ code: 'sandbox.unavailable', remedy: expect.stringContaining('apt-get') });
  });
});
