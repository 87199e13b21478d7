/**
 * The bubblewrap options of a sandbox, as data. They go through a file (`--args`), because the command line of the init
 * process can be read inside and would show the host's paths.
 *
 * Order matters: later mounts lie over earlier ones, and the root and /dev are made read-only last.
 */
import type { SandboxLimits } from '../../protocol/config.ts';

/** User and group inside, whoever runs the host. */
export const SANDBOX_ID = 65_534;
export const PATH_INSIDE = '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin';

/** Descriptors that every bubblewrap of ours gets. Descriptors of mounts follow. */
export const DESCRIPTOR = { args: 3, seccomp: 4, userNamespace: 5, gate: 6, firstMount: 7 } as const;

/**
 * The first process inside: a shell that sets the resource limits, waits at the gate until it is in its control groups,
 * runs the command and reaps orphans. Bubblewrap's own init would reap too, but without the system call filter and as
 * the same user, so that a command could write its own code into it (/proc/1/mem) and be rid of the filter.
 *
 * $0 names it in messages, $1 is the mark of the command for the sweep, $2 the file size in blocks, $3 the open files,
 * $4 the processes of the user or empty, $5 not empty when there is a gate. Nothing of a user's is part of the script.
 * The option for processes is -u in bash and -p in dash and busybox.
 */
const FIRST = `ulimit -c 0; ulimit -f "$2"; ulimit -n "$3"
[ -z "$4" ] || ulimit -u "$4" 2>/dev/null || ulimit -p "$4"
[ -z "$5" ] || read -r _ <&${DESCRIPTOR.gate} || exit 1
exec ${DESCRIPTOR.userNamespace}<&- ${DESCRIPTOR.gate}<&-
shift 5
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
    ...['--remount-ro', '/'],
    ...['--clearenv', ...environment(shape.env)],
  ];
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
