/**
 * The bubblewrap options of a sandbox, as data. They go through a file (`--args`), because the command line of the init
 * process can be read inside and would show the host's paths.
 *
 * Order matters: later mounts lie over earlier ones, and the root and /dev are made read-only last.
 */
import type { SandboxLimits } from '../../protocol/config.ts';
import {
  EGRESS_ENV,
  EGRESS_PORT,
  EGRESS_SOCKET_INSIDE,
  FORWARDER,
  hexPort,
  TRUST_ENV,
  TRUST_FILE_INSIDE,
} from '../egress.ts';

/** User and group inside, whoever runs the host. */
export const SANDBOX_ID = 65_534;
export const PATH_INSIDE = '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin';

/** Descriptors that every bubblewrap of ours gets. Descriptors of mounts follow. */
export const DESCRIPTOR = { args: 3, seccomp: 4, userNamespace: 5, gate: 6, firstMount: 7 } as const;

/** 127.0.0.1 as /proc/net/tcp writes it on a little-endian machine. */
const LOOPBACK_IN_PROC = '0100007F';

/**
 * The first process inside: a shell that sets the resource limits, waits at the gate until it is in its control groups,
 * runs the command and reaps orphans. Bubblewrap's own init would reap too, but without the system call filter and as
 * the same user, so that a command could write its own code into it (/proc/1/mem) and be rid of the filter.
 *
 * $0 names it in messages, $1 is the mark of the command for the sweep, $2 the file size in blocks, $3 the open files,
 * $4 the processes of the user or empty, $5 not empty when there is a gate: there it reads one line, the words to run
 * instead of its own, quoted by our own code, or nothing. Nothing of a user's is part of the script.
 * The option for processes is -u in bash and -p in dash and busybox. $6 is not empty when there is a way out: then the
 * forwarder is started and waited for, until the kernel's own list says that it listens. $7 are further ports that lead
 * through it, as our own code wrote them.
 */
const FIRST = `holdfast_listens() {
  while read -r _ local _ state _; do
    [ "$local" != "${LOOPBACK_IN_PROC}:$1" ] || [ "$state" != 0A ] || return 0
  done </proc/net/tcp
  return 1
}
holdfast_await() {
  tries=0
  until holdfast_listens "$1"; do
    tries=$((tries + 1))
    [ $tries -lt 1000 ] || { echo "holdfast: the forwarder to the network did not start" >&2; exit 126; }
    sleep 0.003
  done
}
ulimit -c 0; ulimit -f "$2"; ulimit -n "$3"
[ -z "$4" ] || ulimit -u "$4" 2>/dev/null || ulimit -p "$4"
words= nl='
'
[ -z "$5" ] || IFS= read -r words <&${DESCRIPTOR.gate} || exit 1
exec ${DESCRIPTOR.userNamespace}<&- ${DESCRIPTOR.gate}<&-
[ -z "$6" ] || {
  (${FORWARDER} TCP-LISTEN:${EGRESS_PORT},bind=127.0.0.1,reuseaddr,fork,max-children=64 UNIX-CONNECT:${EGRESS_SOCKET_INSIDE} </dev/null >/dev/null 2>&1 &)
  for forward in $7; do
    port=\${forward%%/*} rest=\${forward#*/}
    (${FORWARDER} TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork,max-children=16 PROXY:127.0.0.1:\${rest#*/},proxyport=${EGRESS_PORT} </dev/null >/dev/null 2>&1 &)
  done
  holdfast_await ${hexPort(EGRESS_PORT)}
  for forward in $7; do
    rest=\${forward#*/}
    holdfast_await "\${rest%%/*}"
  done
}
shift 7
[ -z "$words" ] || eval "set -- $words"
"$@"
exit $?`;
export const INIT = ['sh', '-c', FIRST, 'holdfast'];

/**
 * What of /proc is not about the sandbox's own processes and could be read by anybody. The rest of that kind is root's
 * alone, and the sandbox's user is never root, inside or outside; /proc/sys is covered all the same.
 */
const MASKED_FILES = ['kcore', 'keys', 'timer_list', 'sched_debug', 'kallsyms', 'sysrq-trigger', 'kpagecount'];
const READ_ONLY_FOLDERS = ['sys'];
const SHARED_MEMORY_BYTES = 67_108_864;

export interface SandboxShape {
  readonly programs: readonly string[];
  readonly etc: string;
  readonly volume: string;
  readonly limits: SandboxLimits;
  readonly mounts: readonly { readonly target: string; readonly mode: 'ro' | 'rw' }[];
  readonly env: Readonly<Record<string, string>>;
  /** True: the socket of its way out comes as one more descriptor, after those of the mounts. */
  readonly hasEgress: boolean;
  /** True: the file of certificates comes after the socket. */
  readonly hasTrust: boolean;
  /** True: join the prepared user namespace. False: bubblewrap makes one. */
  readonly joinsUserNamespace: boolean;
  /** Names under /proc that exist on this kernel and are open to everybody. */
  readonly procEntries: ReadonlySet<string>;
}

export function sandboxArguments(shape: SandboxShape): string[] {
  return [
    ...isolation(shape.joinsUserNamespace),
    ...shape.programs,
    ...['--ro-bind', shape.etc, '/etc'],
    ...['--proc', '/proc', ...procCovers(shape.procEntries)],
    ...['--dev', '/dev', '--perms', '1777', '--size', String(sharedMemory(shape.limits)), '--tmpfs', '/dev/shm'],
    ...['--remount-ro', '/dev'],
    ...['--perms', '1777', '--size', String(shape.limits.tmpBytes), '--tmpfs', '/tmp'],
    ...['--dir', '/run', '--dir', '/var', '--symlink', '/tmp', '/var/tmp'],
    ...['--bind', shape.volume, '/data'],
    ...shape.mounts.flatMap((mount, index) => [
      mount.mode === 'ro' ? '--ro-bind-fd' : '--bind-fd',
      String(DESCRIPTOR.firstMount + index),
      mount.target,
    ]),
    ...(shape.hasEgress
      ? ['--ro-bind-fd', String(DESCRIPTOR.firstMount + shape.mounts.length), EGRESS_SOCKET_INSIDE]
      : []),
    ...(shape.hasTrust
      ? ['--ro-bind-fd', String(DESCRIPTOR.firstMount + shape.mounts.length + 1), TRUST_FILE_INSIDE]
      : []),
    ...['--remount-ro', '/'],
    ...['--clearenv', ...environment({ ...egressEnvironment(shape), ...shape.env })],
  ];
}

function egressEnvironment({ hasEgress, hasTrust }: SandboxShape): Readonly<Record<string, string>> {
  return { ...(hasEgress ? EGRESS_ENV : {}), ...(hasTrust ? TRUST_ENV : {}) };
}

function isolation(joinsUserNamespace: boolean): string[] {
  return [
    ...(joinsUserNamespace ? ['--userns', String(DESCRIPTOR.userNamespace)] : ['--unshare-user', '--disable-userns']),
    ...['--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup'],
    ...['--uid', String(SANDBOX_ID), '--gid', String(SANDBOX_ID), '--cap-drop', 'ALL'],
    ...['--hostname', 'sandbox', '--die-with-parent', '--new-session', '--as-pid-1'],
    ...['--seccomp', String(DESCRIPTOR.seccomp)],
  ];
}

function procCovers(entries: ReadonlySet<string>): string[] {
  const present = (names: readonly string[]): string[] => names.filter((name) => entries.has(name));
  return [
    ...present(READ_ONLY_FOLDERS).flatMap((name) => ['--ro-bind', `/proc/${name}`, `/proc/${name}`]),
    ...present(MASKED_FILES).flatMap((name) => ['--ro-bind', '/dev/null', `/proc/${name}`]),
  ];
}

function sharedMemory(limits: SandboxLimits): number {
  return Math.min(SHARED_MEMORY_BYTES, limits.tmpBytes);
}

export function environment(env: Readonly<Record<string, string>>): string[] {
  const all = { PATH: PATH_INSIDE, HOME: '/data', LANG: 'C.UTF-8', TMPDIR: '/tmp', ...env };
  return setEnvironment(all);
}

export function setEnvironment(env: Readonly<Record<string, string>>): string[] {
  return Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value]);
}
