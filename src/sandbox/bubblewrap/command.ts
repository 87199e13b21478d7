/**
 * One command: one bubblewrap. The first process inside it waits at a gate; meanwhile we put bubblewrap, and that process
 * if it is born already, into the control groups. Neither starts another process before the gate opens, so nothing of the
 * command ever runs outside them, and the work of entering them is hidden behind bubblewrap's own.
 *
 * What must stay true: `gone` resolves only when every process of the command is gone. With control groups the proof is
 * that the kernel let us remove the group; without, that no process with the command's mark is left: the first process
 * of the pid namespace has it, and the kernel ends a namespace before its first process.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { type Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { SandboxLimits } from '../../protocol/config.ts';
import { killAll } from '../cgroup/kill.ts';
import { type LimitGroup, OUR_PROCESSES } from '../cgroup/limit-group.ts';
import { openEgressSocket, openTrustFile } from '../egress.ts';
import type { Command } from '../launcher.ts';
import { childrenOf, countThreadsOf, ownUser } from '../process-table.ts';
import { DESCRIPTOR, INIT, SANDBOX_ID, setEnvironment } from './arguments.ts';
import { commandName, type Ground } from './ground.ts';
import { type CheckedMount, openMount } from './mounts.ts';
import { findMarked } from './sweep.ts';

const BLOCK_BYTES = 512;
const LONGEST_WAIT_MS = 20;
const NOTHING_ELSE = Promise.resolve('');

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
  /** Looked up for every command: a vault that was started again has a new socket there. */
  readonly egressSocket: string | undefined;
  /** Certificates that the programs believe. */
  readonly trustFile: string | undefined;
  /** Further ports, as `forwardWords` writes them. */
  readonly forwards: string;
}

/** `line`: the words that the process at the gate is to run instead of the command's own, once they are known. */
export function startCommand(place: CommandPlace, command: Command, line = NOTHING_ELSE): StartedCommand {
  const { ground, limits } = place;
  const mark = `${ground.token}-${commandName()}`;
  const descriptors: number[] = [];
  let group: LimitGroup | undefined;
  try {
    descriptors.push(openSync(place.argumentFile, 'r'), openSync(ground.filter, 'r'));
    for (const mount of place.mounts) descriptors.push(openMount(mount));
    if (place.egressSocket !== undefined) descriptors.push(openEgressSocket(place.egressSocket));
    if (place.trustFile !== undefined) descriptors.push(openTrustFile(place.trustFile));
    group = ground.groups?.create(mark, limits);
    const args = [
      ...['--args', String(DESCRIPTOR.args), ...setEnvironment(command.env ?? {})],
      ...['--chdir', command.cwd ?? '/data', '--', ...INIT, mark],
      ...[String(Math.ceil(limits.fileSizeBytes / BLOCK_BYTES)), String(limits.openFiles)],
      ...[processLimit(ground, limits), group ? 'gate' : ''],
      ...[place.egressSocket === undefined ? '' : 'egress', place.forwards, ...command.argv],
    ];
    const child = spawn(ground.bwrap, args, {
      stdio: stdioOf(ground, descriptors, group !== undefined),
      env: {},
      cwd: '/',
      // Setting them, even to what they are, drops the supplementary groups.
      ...(ground.isRoot ? { uid: 0, gid: 0 } : {}),
    });
    return started(child, { group, mark, line });
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

function stdioOf(ground: Ground, descriptors: readonly number[], gated: boolean): ('pipe' | 'ignore' | number)[] {
  const [args, filter, ...mounts] = descriptors;
  const plan: ('pipe' | 'ignore' | number)[] = ['pipe', 'pipe', 'pipe'];
  plan[DESCRIPTOR.args] = args ?? 'ignore';
  plan[DESCRIPTOR.seccomp] = filter ?? 'ignore';
  plan[DESCRIPTOR.userNamespace] = ground.userNamespace ?? 'ignore';
  plan[DESCRIPTOR.gate] = gated ? 'pipe' : 'ignore';
  mounts.forEach((mount, index) => {
    plan[DESCRIPTOR.firstMount + index] = mount;
  });
  for (const leak of ground.leaks) plan[leak] ??= ground.blank;
  return Array.from(plan, (entry) => entry ?? 'ignore');
}

interface Gated {
  readonly group: LimitGroup | undefined;
  readonly mark: string;
  readonly line: Promise<string>;
}

function started(child: ChildProcess, { group, mark, line }: Gated): StartedCommand {
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new Error('a spawned command has three pipes');
  let isInside = false;
  const inside = group ? enter(child, group) : Promise.resolve();
  const entered = Promise.all([inside, line]).then(([, words]) => openGate(child, words));
  const kill = (): void => {
    child.kill('SIGKILL');
    if (group) group.kill();
    if (!isInside) killAll(findMarked(mark));
  };
  inside.then(
    () => {
      isInside = group !== undefined;
    },
    () => child.kill('SIGKILL'),
  );
  const isGone = (): boolean => (isInside || findMarked(mark).length === 0) && (group?.remove() ?? true);
  let hits: ReturnType<LimitGroup['hits']> | undefined;
  const takeHits = (): ReturnType<LimitGroup['hits']> => {
    hits ??= group?.hits() ?? { memory: false, processes: false };
    return hits;
  };
  return {
    ...{ child, stdin, stdout, stderr, kill },
    hits: takeHits,
    gone: async () => {
      await entered.catch(() => undefined); // It ended before it could enter; then it is looked for by its mark.
      takeHits();
      for (let wait = 0; !isGone(); wait = Math.min(wait + 1, LONGEST_WAIT_MS)) {
        kill();
        await delay(wait);
      }
    },
  };
}

/** Entering may wait for the kernel's other processors, hence not in the event loop. */
async function enter(child: ChildProcess, group: LimitGroup): Promise<void> {
  if (child.pid === undefined) throw new Error('the command did not start');
  const put = (pid: number): Promise<unknown> =>
    Promise.all(group.entrances.map((entrance) => writeFile(entrance, String(pid))));
  await put(child.pid);
  for (const born of childrenOf(child.pid)) await put(born);
}

function openGate(child: ChildProcess, words: string): void {
  const gate = child.stdio.at(DESCRIPTOR.gate);
  if (!(gate instanceof Writable)) return;
  gate.on('error', () => undefined); // It ended before the gate opened; its exit says so.
  gate.end(`${words}\n`);
}
