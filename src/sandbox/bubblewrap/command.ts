/**
 * One command: one bubblewrap, started through a fixed shell script that sets the resource limits and enters the control
 * groups before bubblewrap exists, so that nothing of the command ever runs outside them. Nothing of the user's is ever
 * part of a script; it is passed as arguments.
 *
 * What must stay true: `end` resolves only when every process of the command is gone. With control groups the proof is
 * that the kernel let us remove the group; without, that no process with the command's mark is left: the first process
 * of the pid namespace has it, and the kernel ends a namespace before its first process.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { SandboxLimits } from '../../protocol/config.ts';
import { killAll } from '../cgroup/kill.ts';
import { type LimitGroup, OUR_PROCESSES } from '../cgroup/limit-group.ts';
import type { Command } from '../launcher.ts';
import { countThreadsOf, ownUser } from '../process-table.ts';
import { DESCRIPTOR, INIT, SANDBOX_ID, setEnvironment } from './arguments.ts';
import { commandName, type Ground } from './ground.ts';
import { type CheckedMount, openMount } from './mounts.ts';
import { findMarked } from './sweep.ts';

/**
 * $1 file size in blocks, $2 open files, $3 processes of the user or empty, $4 number of control groups that follow, then
 * the program. The option for processes is -u in bash and -p in dash and busybox.
 */
const SCRIPT = `ulimit -c 0; ulimit -f "$1"; ulimit -n "$2"
[ -z "$3" ] || ulimit -u "$3" 2>/dev/null || ulimit -p "$3"
n=$4; shift 4
while [ "$n" -gt 0 ]; do
  echo 0 > "$1" || { echo "bwrap: cannot enter the control group" >&2; exit 1; }
  shift; n=$((n-1))
done
exec "$@"`;
const BLOCK_BYTES = 512;
const LONGEST_WAIT_MS = 20;

export interface StartedCommand {
  readonly child: ChildProcess;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly hits: () => ReturnType<LimitGroup['hits']>;
  /** Ends the whole tree now. */
  kill(): void;
  /** Resolves when the whole tree is gone. Call after the child's exit. */
  gone(): Promise<void>;
}

export interface CommandPlace {
  readonly ground: Ground;
  /** File with the sandbox's bubblewrap options. */
  readonly argumentFile: string;
  readonly mounts: readonly CheckedMount[];
  readonly limits: SandboxLimits;
}

export function startCommand(place: CommandPlace, command: Command): StartedCommand {
  const { ground, limits } = place;
  const mark = `${ground.token}-${commandName()}`;
  const descriptors: number[] = [];
  let group: LimitGroup | undefined;
  try {
    descriptors.push(openSync(place.argumentFile, 'r'), openSync(ground.filter, 'r'));
    for (const mount of place.mounts) descriptors.push(openMount(mount));
    group = ground.groups?.create(mark, limits);
    const args = [
      ...['-c', SCRIPT, 'sh', String(Math.ceil(limits.fileSizeBytes / BLOCK_BYTES)), String(limits.openFiles)],
      processLimit(ground, limits),
      ...[String(group?.entrances.length ?? 0), ...(group?.entrances ?? [])],
      ...[ground.bwrap, '--args', String(DESCRIPTOR.args), ...setEnvironment(command.env ?? {})],
      ...['--chdir', command.cwd ?? '/data', '--', ...INIT, mark, ...command.argv],
    ];
    const child = spawn('/bin/sh', args, {
      stdio: stdioOf(ground, descriptors),
      env: {},
      cwd: '/',
      // Setting them, even to what they are, drops the supplementary groups.
      ...(ground.isRoot ? { uid: 0, gid: 0 } : {}),
    });
    return started(child, group, mark);
  } catch (error) {
    group?.remove();
    throw error;
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}

/**
 * Without a control group a fork bomb is faster than any watchdog, so the kernel's limit on the user's processes is the
 * wall behind it: what runs now and as many as the command may have.
 */
function processLimit(ground: Ground, limits: SandboxLimits): string {
  if (ground.groups?.kernel.has('processes')) return '';
  const user = ground.isRoot ? SANDBOX_ID : ownUser();
  return String(countThreadsOf(user) + limits.processes + OUR_PROCESSES);
}

function stdioOf(ground: Ground, descriptors: readonly number[]): ('pipe' | 'ignore' | number)[] {
  const [args, filter, ...mounts] = descriptors;
  const plan: ('pipe' | 'ignore' | number)[] = ['pipe', 'pipe', 'pipe'];
  plan[DESCRIPTOR.args] = args ?? 'ignore';
  plan[DESCRIPTOR.seccomp] = filter ?? 'ignore';
  plan[DESCRIPTOR.userNamespace] = ground.userNamespace ?? 'ignore';
  mounts.forEach((mount, index) => {
    plan[DESCRIPTOR.firstMount + index] = mount;
  });
  for (const leak of ground.leaks) plan[leak] ??= ground.blank;
  return Array.from(plan, (entry) => entry ?? 'ignore');
}

function started(child: ChildProcess, group: LimitGroup | undefined, mark: string): StartedCommand {
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new Error('a spawned command has three pipes');
  const kill = (): void => {
    child.kill('SIGKILL');
    if (group) group.kill();
    else killAll(findMarked(mark));
  };
  const isGone = (): boolean => (group ? group.remove() : findMarked(mark).length === 0);
  let hits: ReturnType<LimitGroup['hits']> | undefined;
  const takeHits = (): ReturnType<LimitGroup['hits']> => {
    hits ??= group?.hits() ?? { memory: false, processes: false };
    return hits;
  };
  return {
    ...{ child, stdin, stdout, stderr, kill },
    hits: takeHits,
    gone: async () => {
      takeHits();
      for (let wait = 0; !isGone(); wait = Math.min(wait + 1, LONGEST_WAIT_MS)) {
        kill();
        await delay(wait);
      }
    },
  };
}
