/**
 * The ways out of a container that audit tools try, each as a real program in a real sandbox, with its expected denial.
 * docs/sandbox.md lists them as a table.
 */
import { once } from 'node:events';
import { chmod, copyFile, link, mkdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { arch, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findProgram } from '../../src/sandbox/bubblewrap/root-files.ts';
import { type Ran, runIn } from '../../src/sandbox/launcher.conformance.ts';
import type { Sandbox } from '../../src/sandbox/launcher.ts';
import { isSupported } from '../../src/sandbox/seccomp/filter.ts';
import { ABSENT, CONDITIONAL, DENIED, numberOn } from '../../src/sandbox/seccomp/syscalls.ts';
import { openDockerEngine } from '../../src/testing/docker-engine.ts';
import { createEgressWorld, type EgressWorld } from '../egress/egress-world.ts';
import { bubblewrapTier, createSandboxWorld, dockerTier, type SandboxWorld, type Tier } from './sandbox-world.ts';

const engine = await openDockerEngine();
const TIERS: readonly Tier[] = [await bubblewrapTier(), dockerTier(engine)];
for (const { name, skipped } of TIERS) if (skipped) console.warn(`skipped: no ${name} on this machine. ${skipped}`);
const RUNNABLE = TIERS.filter(({ skipped }) => skipped === undefined);
afterAll(async () => {
  if (typeof engine !== 'string') await engine[Symbol.asyncDispose]();
}, 60_000);

const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;

const NETWORKS = ['without network', 'with a door of the vault'];
const WAYS = RUNNABLE.flatMap((tier) =>
  NETWORKS.slice(0, tier.name === 'docker' ? 1 : 2).map((network) => ({ tier, name: tier.name, network })),
);

describe.each(WAYS)('out of a sandbox of $name $network there is no way', ({ tier, network }) => {
  let vault: EgressWorld | undefined;
  let world: SandboxWorld;
  let sandbox: Sandbox;
  beforeAll(async () => {
    world = await createSandboxWorld(tier.makeLauncher);
    if (network !== 'without network' && (await findProgram('socat'))) vault = await createEgressWorld();
    sandbox = await world.create({ name: 'attacker', ...(vault ? { egressSocket: await vault.door() } : {}) });
  });
  afterAll(async () => {
    await sandbox?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
    await vault?.[Symbol.asyncDispose]();
  });

  const sh = (script: string): Promise<Ran> => runIn(sandbox, ['sh', '-c', script]);
  const perl = async (script: string): Promise<string> => (await runIn(sandbox, ['perl', '-e', script])).out;

  describe('by system calls', () => {
    const architecture = arch();
    if (!isSupported(architecture)) return;
    const errnoOf = (row: readonly [number | undefined, number | undefined]): number | undefined =>
      numberOn(architecture, row);
    const tryAll = async (
      calls: Record<string, readonly [number | undefined, number | undefined]>,
    ): Promise<Record<string, string>> => {
      const numbers = Object.entries(calls).flatMap(([name, row]) => {
        const number = errnoOf(row);
        return number === undefined ? [] : [[name, number] as const];
      });
      const list = numbers.map(([name, number]) => `"${name}",${number}`).join(',');
      const out = await perl(
        `my @c = (${list}); while (@c) { my ($name, $n) = splice(@c, 0, 2); $! = 0; my $r = syscall($n, 0, 0, 0, 0, 0, 0); print "$name ", ($r == -1 ? $! + 0 : "worked"), "\\n"; }`,
      );
      return Object.fromEntries(
        out
          .trim()
          .split('\n')
          .map((line) => line.split(' ') as [string, string]),
      );
    };

    it('that the filter denies: each answers EPERM', async () => {
      const answers = await tryAll(DENIED);
      expect(Object.keys(answers).length).toBeGreaterThan(45);
      expect(Object.entries(answers).filter(([, code]) => code !== String(EPERM))).toEqual([]);
    });

    it('that the filter hides: each answers ENOSYS, as do calls of the future', async () => {
      const answers = await tryAll({ ...ABSENT, future: [470, 470] });
      expect(Object.entries(answers).filter(([, code]) => code !== String(ENOSYS))).toEqual([]);
    });

    it('of the x32 convention', async () => {
      if (architecture !== 'x64') return;
      const { out, exit } = await runIn(sandbox, ['perl', '-e', '$! = 0; syscall(0x40000000 + 39); print $! + 0']);
      // The library that writes an engine's filter takes it for a foreign architecture.
      if (tier.name === 'docker') expect(exit).toMatchObject({ reason: 'signalled', signal: 'SIGSYS' });
      else expect(out).toBe(String(ENOSYS));
    });

    it('to a new namespace by clone', async () => {
      const clone = errnoOf(CONDITIONAL.clone);
      for (const flag of [0x10000000, 0x00020000, 0x20000000, 0x40000000])
        expect(
          await perl(`$! = 0; my $r = syscall(${clone}, ${flag} | 17, 0, 0, 0, 0); exit 0 if $r == 0; print $! + 0`),
        ).toBe(String(EPERM));
    });

    it('to socket families that speak to the kernel: netlink, packet, vsock, bluetooth, alg', async () => {
      const socket = errnoOf(CONDITIONAL.socket);
      for (const family of [16, 17, 40, 31, 38])
        expect(await perl(`$! = 0; syscall(${socket}, ${family}, 3, 0); print $! + 0`)).toBe(String(EAFNOSUPPORT));
      expect(await perl(`$! = 0; print syscall(${socket}, 2, 3, 1) == -1 ? $! + 0 : "raw socket"`)).toBe(String(EPERM));
    });

    it('to a persona without address randomisation', async () => {
      expect(await perl(`$! = 0; syscall(${errnoOf(CONDITIONAL.personality)}, 0x40000); print $! + 0`)).toBe(
        String(EPERM),
      );
    });

    it('that put characters into a terminal', async () => {
      const inject = await perl(
        'for my $call (0x5412, 0x541c) { for my $fd (0..2) { my $c = "x"; open(my $h, "<&=", $fd); $! = 0; ioctl($h, $call, $c); print $! + 0, " " } }',
      );
      expect(inject.trim().split(' ')).toEqual(Array(6).fill(String(EPERM)));
    });

    it('while ordinary programs work: threads, sockets inside, pipes, locks', async () => {
      const ran = await sh(
        'echo a | sort | cat; date >/dev/null; mkfifo /tmp/f && (echo through > /tmp/f & cat /tmp/f)',
      );
      expect(ran).toMatchObject({ out: 'a\nthrough\n', err: '' });
      expect(
        await perl(
          'use IO::Socket::INET; my $l = IO::Socket::INET->new(Listen=>1, LocalAddr=>"127.0.0.1") or print "no: $!"; my $c = IO::Socket::INET->new(PeerAddr=>"127.0.0.1", PeerPort=>$l->sockport); print $c ? "loopback" : "none"',
        ),
      ).toBe('loopback');
    });
  });

  describe('by user namespaces, setuid programs and capabilities', () => {
    it('unshare and nsenter are refused', async () => {
      const ran = await sh('unshare -Ur true; echo $?; unshare -m true; echo $?; nsenter -t 1 -m true; echo $?');
      expect(ran.out).not.toMatch(/^0$/m);
    });

    it('programs with the setuid bit change nothing', async () => {
      const ran = await sh(
        'for p in /usr/bin/su /usr/bin/passwd /usr/bin/mount; do [ -u $p ] && echo found; done; grep -E "^/|tmpfs" /proc/mounts | grep -v -E "nosuid" ; su -c id 2>&1 | head -1; true',
      );
      expect(ran.out).not.toMatch(/uid=0/);
      // An engine's binds keep the options of what they bind; there the flag against new privileges does it, see below.
      const without = tier.name === 'docker' ? /^tmpfs .* rw,/ : /^(?:\/|tmpfs)/;
      expect(ran.out.split('\n').filter((line) => without.test(line))).toEqual([]);
    });

    it('a setuid program of root that lies in /data runs as nobody', async () => {
      if (userInfo().uid !== 0) return;
      const program = join(world.volumeOf('attacker'), 'id');
      await copyFile('/usr/bin/id', program);
      await chmod(program, 0o6755);
      const info = await stat(program);
      expect([info.uid, info.mode & 0o7777]).toEqual([0, 0o6755]);
      expect((await sh('/data/id -u; /data/id -g')).out).toBe('65534\n65534\n');
    });

    it('a file cannot be given to root or a capability', async () => {
      const ran = await sh(
        'cp /bin/true /data/t; chown 0:0 /data/t; chown 100000 /data/t; chmod 4755 /data/t; /data/t && stat -c %u /data/t',
      );
      expect(ran.err.match(/not permitted|Invalid argument/g)?.length).toBe(2);
      expect(ran.out.trim()).toBe('65534');
    });

    it('its user is nobody outside too, when the host is root', async () => {
      await sh('echo mine > /data/mine');
      const info = await stat(join(world.volumeOf('attacker'), 'mine'));
      expect(info.uid).not.toBe(0);
    });
  });

  describe('by procfs, sysfs, cgroups and devices', () => {
    it('no setting of the kernel can be written, core_pattern first', async () => {
      const files = [
        '/proc/sys/kernel/core_pattern',
        '/proc/sys/kernel/modprobe',
        '/proc/sys/vm/drop_caches',
        '/proc/sys/fs/binfmt_misc/register',
        '/proc/sys/user/max_user_namespaces',
        '/proc/sys/net/ipv4/ip_forward',
        '/proc/sysrq-trigger',
        '/proc/irq/default_smp_affinity',
        '/proc/kcore',
        '/proc/kmsg',
        '/sys/kernel/uevent_helper',
        '/sys/fs/cgroup/cgroup.procs',
      ];
      const out = await perl(
        `for my $f (qw(${files.join(' ')})) { print "$f\\n" if ((stat $f)[6] // 0) != 0x103 && sysopen(my $h, $f, 1) }`,
      );
      expect(out).toBe('');
    });

    it('nothing of the kernel that is not about its own processes can be read', async () => {
      const out = await perl(
        'for my $f (qw(/proc/kcore /proc/kmsg /proc/keys /proc/timer_list /proc/kallsyms /proc/kpagecount)) { if (open my $h, "<", $f) { my $c = do { local $/; <$h> }; print "$f\\n" if length($c // "") } }',
      );
      expect(out).toBe('');
    });

    it('there is no sysfs and no cgroup file system', async () => {
      if (tier.name === 'docker') {
        // Mounted by the engine and covered: nothing of it can be named.
        expect((await sh('find /sys')).out).toBe('/sys\n');
        return;
      }
      expect(
        (
          await sh(
            'ls /sys /sys/fs/cgroup 2>/dev/null; grep -E "sysfs|cgroup|debugfs|tracefs|securityfs|fuse|overlay" /proc/mounts; true',
          )
        ).out,
      ).toBe('');
    });

    it('there are only the harmless devices, and none can be made', async () => {
      const ran = await sh(
        'find /dev -type b; find /dev -type c -o -type f | sort | tr "\\n" " "; mknod /data/sda b 8 0; mknod /tmp/mem c 1 1',
      );
      const devices = ran.out
        .trim()
        .split(' ')
        .filter((name) => !name.startsWith('/dev/pts'));
      expect(devices).toEqual(['full', 'null', 'random', 'tty', 'urandom', 'zero'].map((name) => `/dev/${name}`));
      expect(ran.err.match(/not permitted/g)?.length).toBe(2);
    });

    it('no process inside is without the filter, the first one neither', async () => {
      const ran = await sh('grep -h -E "^(Seccomp|NoNewPrivs|CapEff):" /proc/[0-9]*/status | sort -u');
      expect(ran.out).toBe('CapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n');
    });

    it('the host paths of its own launcher are not in its command line', async () => {
      const ran = await sh("cat /proc/1/cmdline | tr '\\0' ' '; cat /proc/1/environ 2>/dev/null");
      expect(ran.out).not.toContain(world.root);
    });
  });

  describe('by files', () => {
    it('nothing private of the machine is there', async () => {
      // An image has empty folders of those names.
      const isThere = tier.name === 'docker' ? '[ -n "$(ls -A $f 2>/dev/null)" ]' : '[ -e $f ]';
      const ran = await sh(
        `for f in /root /home /etc/shadow /etc/gshadow /etc/sudoers /etc/ssh /etc/ssl/private /var/run /run/dbus /var/lib /boot /mnt /media /srv /opt /var/run/docker.sock /run/docker.sock; do ${isThere} && echo $f; done; true`,
      );
      expect(ran.out).toBe('');
    });

    it('the names of the networks that the machine is in are not there', async () => {
      const ran = await sh('grep -v -E "^(#|$|nameserver 127.0.0.1$|search \\.$)" /etc/resolv.conf; cat /etc/hostname');
      expect(ran.out).toBe('sandbox\n');
    });

    it('a socket of the host is nowhere', async () => {
      expect(
        (await sh('find / -xdev -type s 2>/dev/null; find /data /tmp /run /var /dev -type s 2>/dev/null; true')).out,
      ).toBe('');
    });

    it('a link in /data leads nowhere outside, for the program and for the next command', async () => {
      await sh(`ln -s ${world.root} out; ln -s /proc/1/root root; ln -s /etc/passwd passwd`);
      await writeFile(join(world.root, 'host-file'), 'of the host');
      const ran = await sh('cat out/host-file; cat root/etc/shadow; echo x >> passwd');
      expect(ran.out).toBe('');
    });

    it('a volume that was replaced by a link is refused', async () => {
      await using victim = await world.create({ name: 'victim' });
      expect((await runIn(victim, ['true'])).exit.code).toBe(0);
      await rename(world.volumeOf('victim'), `${world.volumeOf('victim')}-moved`);
      await symlink('/', world.volumeOf('victim'));
      await expect(world.create({ name: 'victim' })).rejects.toThrow();
      await rm(world.volumeOf('victim'));
    });

    it('a hard link to a host file cannot be made from a mounted folder', async () => {
      const folder = join(world.root, 'shared');
      await mkdir(folder);
      await chmod(folder, 0o777);
      await writeFile(join(folder, 'theirs'), 'x', { mode: 0o644 });
      await using mounted = await world.create({ mounts: [{ source: folder, target: '/work/shared', mode: 'rw' }] });
      const ran = await runIn(mounted, [
        'sh',
        '-c',
        'ln /work/shared/theirs /data/got; ln /usr/bin/env /data/env; ln /etc/passwd /work/shared/p',
      ]);
      expect(
        ran.err.match(/failed to create hard link|Invalid cross-device|not permitted/g)?.length,
      ).toBeGreaterThanOrEqual(3);
    });

    it('a mounted folder swapped for a link between two commands is refused', async () => {
      const outer = join(world.root, 'outer');
      const inner = join(outer, 'inner');
      await mkdir(inner, { recursive: true });
      await chmod(inner, 0o755);
      await using mounted = await world.create({ mounts: [{ source: inner, target: '/work/inner', mode: 'ro' }] });
      expect((await runIn(mounted, ['ls', '/work/inner'])).exit.code).toBe(0);
      await rename(inner, `${inner}-moved`);
      await symlink('/etc', inner);
      const ran = await runIn(mounted, ['ls', '/work/inner']);
      expect(ran.exit.reason).toBe('failed-to-start');
      expect(ran.out).toBe('');
      await rm(inner);
      await mkdir(inner);
      expect((await runIn(mounted, ['ls', '/work/inner'])).exit.detail).toContain('was replaced');
    });

    it('folders that no agent may have are refused by name', async () => {
      const linked = join(world.root, 'linked');
      await symlink('/usr/share', linked);
      await mkdir(join(world.root, 'project', '.ssh'), { recursive: true });
      await mkdir(world.home, { recursive: true });
      await link(process.execPath, join(world.root, 'unused')).catch(() => undefined); // Other file system: fine.
      const sources = [
        '/',
        '/etc',
        '/etc/ssl',
        '/proc',
        '/proc/self',
        '/sys',
        '/dev',
        '/run',
        '/boot',
        '/root',
        '/home',
        '/var',
        world.home,
        world.root,
        join(world.home, 'volumes'),
        linked,
        join(world.root, 'none'),
        join(world.root, 'project', '.ssh'),
        'relative',
        `${world.root}/../x`,
      ];
      for (const source of sources)
        await expect(
          world.create({ mounts: [{ source, target: '/work/x', mode: 'ro' }] }),
          source,
        ).rejects.toMatchObject({ code: 'forbidden' });
      const fine = join(world.root, 'project');
      await chmod(fine, 0o755);
      for (const target of [
        '/',
        '/proc/x',
        '/sys',
        '/dev/x',
        '/data',
        '/data/x',
        '/tmp/x',
        '/etc',
        '/usr/x',
        'work',
        '/work/../etc',
        '/work/',
      ])
        await expect(world.create({ mounts: [{ source: fine, target, mode: 'ro' }] }), target).rejects.toMatchObject({
          code: 'forbidden',
        });
    });

    it('its own program file and its launcher cannot be overwritten', async () => {
      const before = await readFile(tier.program);
      const ran = await sh(
        `cp /bin/sleep /data/s; (exec /data/s 2) & sleep 0.2; echo x > /proc/1/exe; echo y > /proc/self/exe; echo z > ${tier.program}; true`,
      );
      expect(ran.err.match(/Permission denied|Read-only|Text file busy|No such file/g)?.length).toBeGreaterThanOrEqual(
        3,
      );
      expect((await readFile(tier.program)).equals(before)).toBe(true);
    });

    it('a full /tmp, /dev/shm or /data bound does not reach the host', async () => {
      await using small = await world.create({ limits: { tmpBytes: 1_048_576, fileSizeBytes: 2_097_152 } });
      const ran = await runIn(small, [
        'sh',
        '-c',
        'head -c 3000000 /dev/zero > /tmp/a; head -c 3000000 /dev/zero > /dev/shm/a; stat -c %s /tmp/a /dev/shm/a',
      ]);
      expect(
        ran.out
          .split('\n')
          .map(Number)
          .every((size) => size <= 1_048_576),
      ).toBe(true);
    });
  });

  describe('to other processes', () => {
    it('no signal reaches the host, and none of its processes is there', async () => {
      const ran = await sh(`kill -0 ${process.pid} 2>/dev/null && echo reached; kill -9 -1 2>/dev/null; true`);
      expect(ran.out).toBe('');
      expect((await sh('echo fine')).out).toBe('fine\n');
    });

    it('no abstract socket of the host is in reach', async () => {
      const name = `holdfast-escape-${process.pid}`;
      const server = createServer((socket) => socket.end('reached'));
      server.listen(`\0${name}`);
      await once(server, 'listening');
      try {
        const out = await perl(
          `use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die; print connect($s, pack("Sa*", AF_UNIX, "\\0${name}")) ? "reached" : "refused"`,
        );
        expect(out).toBe('refused');
      } finally {
        server.close();
      }
    });

    it('no System V object, no keyring, no other sandbox is in reach', async () => {
      await using other = await world.create({ name: 'other' });
      const sleeping = other.spawn({ argv: ['sh', '-c', 'echo on; ipcmk -Q >/dev/null; exec sleep 30'] });
      await once(sleeping.stdout, 'data');
      const ran = await sh('ipcs -q | grep -c "^0x"; ls /proc | grep -c "^[0-9]*$"; cat /proc/keys 2>/dev/null');
      const [queues, processes] = ran.out.trim().split('\n').map(Number);
      expect(queues).toBe(0);
      // Its own, and with a door the forwarder's.
      expect(processes).toBeLessThanOrEqual(7);
      await other.stop();
    });
  });
});
