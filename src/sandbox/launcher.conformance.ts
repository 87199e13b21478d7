/**
 * What every launcher must do. Runs real programs in real sandboxes: `sh`, coreutils and perl must be in the image.
 * Call it inside a `describe`; `world` is asked once for a launcher and a directory for volumes.
 */
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SandboxLimits } from '../protocol/config.ts';
import type { Command, Exit, Launcher, Sandbox, SandboxSpec } from './launcher.ts';
import { allPids, readArguments } from './process-table.ts';

export interface LauncherWorld {
  readonly launcher: Launcher;
  /** A directory of this machine that volumes and mounted folders can be made in. */
  readonly directory: string;
  dispose(): Promise<void>;
}

export interface Ran {
  readonly out: string;
  readonly err: string;
  readonly exit: Exit;
}

export async function runIn(
  sandbox: Sandbox,
  argv: Command['argv'],
  options: Omit<Command, 'argv'> & { input?: string | Uint8Array } = {},
): Promise<Ran> {
  const { input, ...rest } = options;
  const process = sandbox.spawn({ argv, ...rest });
  process.stdin.on('error', () => undefined);
  process.stdin.end(input);
  const [out, err, exit] = await Promise.all([text(process.stdout), text(process.stderr), process.exit]);
  return { out, err, exit };
}

/** Polls until `check` holds; fails after the deadline. */
export async function until(check: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`not so within ${withinMs} ms: ${check}`);
    await delay(10);
  }
}

/** Processes of this machine whose arguments contain the marker. */
export function findByMarker(marker: string): number[] {
  return allPids().filter((pid) => readArguments(pid)?.some((argument) => argument.includes(marker)));
}

export function launcherConformance(makeWorld: () => Promise<LauncherWorld>): void {
  let world: LauncherWorld;
  let count = 0;
  beforeAll(async () => {
    world = await makeWorld();
  });
  afterAll(async () => world.dispose());

  const create = (
    spec: Partial<Omit<SandboxSpec, 'limits'>> & { limits?: Partial<SandboxLimits> } = {},
  ): Promise<Sandbox> => {
    count += 1;
    const { limits, ...rest } = spec;
    const base = { id: `run_${count}`, volume: join(world.directory, `volume-${count}`), mounts: [], env: {} };
    return world.launcher.create({ ...base, ...rest, limits: SandboxLimits.parse({ wallMs: 20_000, ...limits }) });
  };
  const sh = (sandbox: Sandbox, script: string, options: Parameters<typeof runIn>[2] = {}): Promise<Ran> =>
    runIn(sandbox, ['sh', '-c', script], options);

  describe('a command', () => {
    it('has its streams, its input and its exit code', async () => {
      await using sandbox = await create();
      const ran = await sh(sandbox, 'cat; echo problem >&2; exit 7', { input: 'hello' });
      expect(ran).toMatchObject({ out: 'hello', err: 'problem\n', exit: { reason: 'exited', code: 7 } });
    });

    it('gets its arguments byte for byte and no shell touches them', async () => {
      await using sandbox = await create();
      const odd = ['a b', "it's", '$HOME', '`id`', '"', '\\', 'ü\n\t', '-n', '', '*', '--'];
      const ran = await runIn(sandbox, ['perl', '-e', 'print join("\\0", @ARGV)', '--', ...odd]);
      expect(ran.out.split('\0')).toEqual(odd);
    });

    it('that a signal ends says which', async () => {
      await using sandbox = await create();
      expect((await sh(sandbox, 'kill -TERM $$')).exit).toMatchObject({ reason: 'signalled', signal: 'SIGTERM' });
    });

    it('that does not exist fails to start and says so', async () => {
      await using sandbox = await create();
      const { exit } = await runIn(sandbox, ['no-such-program']);
      expect(exit).toMatchObject({ reason: 'failed-to-start', code: null });
      expect(exit.detail).toContain('no-such-program');
    });

    it('with a missing folder fails to start and says so', async () => {
      await using sandbox = await create();
      const { exit } = await runIn(sandbox, ['true'], { cwd: '/no/such/folder' });
      expect(exit.reason).toBe('failed-to-start');
      expect(exit.detail).toContain('/no/such/folder');
    });

    it('that fails with code 1 and says something has not failed to start', async () => {
      await using sandbox = await create();
      const ran = await sh(sandbox, 'echo nothing found >&2; exit 1');
      expect(ran.exit).toMatchObject({ reason: 'exited', code: 1 });
    });

    it('with a NUL byte in an argument fails to start', async () => {
      await using sandbox = await create();
      expect((await runIn(sandbox, ['echo', 'a\0b'])).exit.reason).toBe('failed-to-start');
    });

    it('sees only the environment of its spec and its own', async () => {
      await using sandbox = await create({ env: { FROM_SPEC: 'one' } });
      const ran = await runIn(sandbox, ['env'], { env: { FROM_COMMAND: 'two words' } });
      const names = ran.out
        .trim()
        .split('\n')
        .map((line) => line.split('=')[0]);
      expect(names.filter((name) => name !== 'PWD').sort()).toEqual(
        ['FROM_COMMAND', 'FROM_SPEC', 'HOME', 'LANG', 'PATH', 'TMPDIR'].sort(),
      );
      expect(ran.out).toContain('HOME=/data\n');
      expect(ran.out).toContain('FROM_COMMAND=two words\n');
    });

    it('inherits no open file of the host', async () => {
      const folder = join(world.directory, 'open-files');
      await mkdir(folder);
      await chmod(folder, 0o755);
      await using sandbox = await create({ mounts: [{ source: folder, target: '/work/folder', mode: 'ro' }] });
      const list =
        'for my $fd (3..1023) { my $to = readlink("/proc/self/fd/$fd"); print "$to\\n" if defined $to && $to ne "/dev/null" }';
      expect((await runIn(sandbox, ['perl', '-e', list])).out).toBe('');
    });
  });

  describe('the end of a command', () => {
    it('comes at its time limit, with its whole tree', async () => {
      await using sandbox = await create();
      const marker = `marker-timeout-${count}`;
      const { exit } = await sh(sandbox, `setsid sh -c 'sleep 600; : ${marker}' & sleep 600`, { timeoutMs: 300 });
      expect(exit.reason).toBe('timeout');
      expect(exit.detail).toMatch(/stopped at its limit of 0.30 s/);
      expect(findByMarker(marker)).toEqual([]);
    });

    it('takes daemons with it that left their session and their parent', async () => {
      await using sandbox = await create();
      const marker = `marker-daemon-${count}`;
      const daemon = `exit if fork; use POSIX; POSIX::setsid(); exit if fork; open STDOUT, ">/dev/null"; open STDERR, ">/dev/null"; sleep 600; # ${marker}`;
      const { exit } = await sh(
        sandbox,
        `perl -e '${daemon}'; until pgrep sleep >/dev/null || true; do :; done; exit 4`,
      );
      expect(exit).toMatchObject({ reason: 'exited', code: 4 });
      expect(findByMarker(marker)).toEqual([]);
    });

    it('comes when it is aborted', async () => {
      await using sandbox = await create();
      const controller = new AbortController();
      const marker = `marker-abort-${count}`;
      const process = sandbox.spawn({
        argv: ['sh', '-c', `echo ready; sleep 600; : ${marker}`],
        signal: controller.signal,
      });
      await once(process.stdout, 'data');
      expect(findByMarker(marker).length).toBeGreaterThan(0);
      controller.abort();
      expect((await process.exit).reason).toBe('aborted');
      expect(findByMarker(marker)).toEqual([]);
    });

    it('comes when its sandbox is stopped, which can then be used again', async () => {
      await using sandbox = await create();
      const process = sandbox.spawn({ argv: ['sh', '-c', 'echo ready; sleep 600'] });
      await once(process.stdout, 'data');
      await sandbox.stop();
      expect((await process.exit).reason).toBe('aborted');
      expect((await sh(sandbox, 'echo again')).out).toBe('again\n');
    });

    it('is an exit even before the start when the signal has fired', async () => {
      await using sandbox = await create();
      expect((await runIn(sandbox, ['true'], { signal: AbortSignal.abort() })).exit.reason).toBe('aborted');
    });

    it('resolves though nobody reads the output', async () => {
      await using sandbox = await create();
      const process = sandbox.spawn({ argv: ['sh', '-c', 'echo unread'] });
      expect((await process.exit).code).toBe(0);
      process.stdout.destroy();
      process.stderr.destroy();
    });
  });

  describe('limits', () => {
    it('bound a fork bomb', async () => {
      await using sandbox = await create({ limits: { processes: 20 } });
      const ran = await sh(sandbox, 'f() { f | f & }; f; sleep 600', { timeoutMs: 1_500 });
      expect(['timeout', 'limit', 'exited']).toContain(ran.exit.reason);
      const after = await sh(sandbox, 'echo fine');
      expect(after.out).toBe('fine\n');
    });

    it('end a command that eats memory', async () => {
      await using sandbox = await create({ limits: { memoryBytes: 67_108_864 } });
      const eat = 'my @a; for (1..4000) { push @a, "x" x 1_000_000; } print "ate";';
      const ran = await runIn(sandbox, ['perl', '-e', eat]);
      expect(ran.out).toBe('');
      expect(ran.exit).toMatchObject({ reason: 'limit', limit: 'memory' });
    });

    it('end a command that writes too large a file', async () => {
      await using sandbox = await create({ limits: { fileSizeBytes: 1_048_576 } });
      const ran = await sh(sandbox, 'exec dd if=/dev/zero of=/data/big bs=65536 count=1000 2>/dev/null');
      expect(ran.exit).toMatchObject({ reason: 'limit', limit: 'fileSize' });
      expect((await sh(sandbox, 'stat -c %s /data/big')).out).toBe('1048576\n');
    });

    it('bound open files', async () => {
      await using sandbox = await create({ limits: { openFiles: 64 } });
      const ran = await runIn(sandbox, [
        'perl',
        '-e',
        'my @f; while (open my $h, "<", "/dev/null") { push @f, $h } print scalar @f',
      ]);
      expect(Number(ran.out)).toBeLessThan(64);
      expect(Number(ran.out)).toBeGreaterThan(20);
    });

    it('bound the private /tmp', async () => {
      await using sandbox = await create({ limits: { tmpBytes: 1_048_576 } });
      const ran = await sh(sandbox, 'dd if=/dev/zero of=/tmp/big bs=65536 count=100 2>&1');
      expect(ran.out).toContain('No space left on device');
    });

    it('bound the CPU', async () => {
      await using sandbox = await create({ limits: { cpus: 0.2 } });
      const ran = await runIn(sandbox, [
        'perl',
        '-e',
        'my $e = time + 4; while (time < $e) {} my @t = times; print $t[0] + $t[1]',
      ]);
      expect(Number(ran.out)).toBeLessThan(2.5);
    });

    it('hold back what nobody reads: 100 MB with a slow reader stay out of memory', async () => {
      await using sandbox = await create();
      const command = sandbox.spawn({ argv: ['sh', '-c', 'head -c 104857600 /dev/zero'] });
      let bytes = 0;
      let peak = 0;
      const before = process.memoryUsage();
      let chunks = 0;
      for await (const chunk of command.stdout) {
        bytes += chunk.length;
        chunks += 1;
        if (chunks % 200 === 0) await delay(1);
        const now = process.memoryUsage();
        peak = Math.max(peak, now.heapUsed + now.external - before.heapUsed - before.external);
      }
      expect((await command.exit).code).toBe(0);
      expect(bytes).toBe(104_857_600);
      expect(peak).toBeLessThan(60_000_000);
    });
  });

  describe('files', () => {
    it('/data stays between commands, /tmp does not', async () => {
      await using sandbox = await create();
      await sh(sandbox, 'echo kept > /data/a; echo lost > /tmp/b; pwd');
      const ran = await sh(sandbox, 'pwd; cat /data/a; cat /tmp/b');
      expect(ran.out).toBe('/data\nkept\n');
      expect(ran.err).toContain('/tmp/b');
    });

    it('the root and the programs cannot be written', async () => {
      await using sandbox = await create();
      const ran = await sh(
        sandbox,
        'for f in /x /usr/x /usr/bin/x /etc/x /dev/x /run/x /var/x; do (: > $f) 2>/dev/null && echo wrote $f; done; true',
      );
      expect(ran.out).toBe('');
    });

    it('a mounted folder is there, read-only when it is', async () => {
      const folder = await mkdtemp(join(world.directory, 'folder-'));
      await writeFile(join(folder, 'note.txt'), 'a note\n', { mode: 0o644 });
      await chmod(folder, 0o755);
      await using sandbox = await create({ mounts: [{ source: folder, target: '/work/folder', mode: 'ro' }] });
      const ran = await sh(
        sandbox,
        'cat /work/folder/note.txt; echo x > /work/folder/new; echo y >> /work/folder/note.txt; rm -f /work/folder/note.txt',
      );
      expect(ran.out).toBe('a note\n');
      expect(ran.err.match(/Read-only file system|Permission denied/g)?.length).toBe(3);
      expect(await readFile(join(folder, 'note.txt'), 'utf8')).toBe('a note\n');
    });

    it('a mounted folder can be written when it is rw', async () => {
      const folder = join(world.directory, `rw-${count}`);
      await mkdir(folder);
      await chmod(folder, 0o777);
      await using sandbox = await create({ mounts: [{ source: folder, target: '/work/out', mode: 'rw' }] });
      expect((await sh(sandbox, 'echo done > /work/out/result')).exit.code).toBe(0);
      expect(await readFile(join(folder, 'result'), 'utf8')).toBe('done\n');
    });

    it('the volume of another sandbox is nowhere', async () => {
      await using other = await create();
      await sh(other, 'echo 7f3a-their-secret > /data/secret');
      await using sandbox = await create();
      const ran = await sh(
        sandbox,
        `cat ${world.directory}/*/secret; ls ${world.directory}; grep -rl 7f3a-their-secret /data /tmp /run /var /etc 2>/dev/null; true`,
      );
      expect(ran.out).toBe('');
    });
  });

  describe('the world outside', () => {
    it('has no network: a listener of the host is out of reach', async () => {
      const server = createTcpServer((socket) => socket.end('reached'));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      try {
        await using sandbox = await create();
        const connect = `use IO::Socket::INET; my $s = IO::Socket::INET->new(PeerAddr=>"127.0.0.1", PeerPort=>${port}, Timeout=>2); print $s ? "connected" : "refused"`;
        expect((await runIn(sandbox, ['perl', '-e', connect])).out).toBe('refused');
      } finally {
        server.close();
      }
    });

    it('has no processes of the host in it', async () => {
      await using sandbox = await create();
      const ran = await sh(sandbox, 'ls /proc | grep -c "^[0-9]*$"');
      expect(Number(ran.out)).toBeLessThanOrEqual(5);
    });

    it('is held off by the kernel: nobody, no capability, no new privilege, a filter', async () => {
      await using sandbox = await create();
      const { out } = await sh(sandbox, 'id -u; cat /proc/self/status');
      expect(out.split('\n')[0]).not.toBe('0');
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
        expect(out).toMatch(new RegExp(`^${set}:\\s0{16}$`, 'm'));
      expect(out).toMatch(/^NoNewPrivs:\s1$/m);
      expect(out).toMatch(/^Seccomp:\s2$/m);
    });
  });

  describe('many commands', () => {
    it('run side by side in one sandbox and share its volume', async () => {
      await using sandbox = await create();
      const all = await Promise.all([...Array(8).keys()].map((n) => sh(sandbox, `echo ${n} > /data/${n}; echo ${n}`)));
      expect(all.map((ran) => ran.out.trim())).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
      expect((await sh(sandbox, 'cat /data/? | wc -l')).out.trim()).toBe('8');
    });

    it('leave nothing behind', async () => {
      const marker = `marker-many-${count}`;
      await using sandbox = await create();
      await Promise.all([...Array(6).keys()].map(() => sh(sandbox, `sleep 0.01; : ${marker}`)));
      expect(findByMarker(marker)).toEqual([]);
      await rm(join(world.directory, 'none'), { force: true });
    });
  });
}
