/** What `/proc` says of processes. Every read may race with an exit: a process that is gone is `undefined`, never an error. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly state: string;
  /** CPU time used, that of its ended children included, in clock ticks (100 a second on Linux). */
  readonly ticks: number;
  readonly threads: number;
  readonly residentPages: number;
  /** Clock ticks after boot: with the pid, the identity of a process. */
  readonly startTicks: number;
}

export const TICKS_PER_SECOND = 100;

export function ownPid(): number {
  return Number(readlinkSync('/proc/self'));
}

/** Without asking the user database, in which a container's user may be missing. */
export function ownUser(): number {
  return statSync('/proc/self').uid;
}

export function readStat(pid: number): ProcessStat | undefined {
  const text = readText(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const at = (index: number): number => Number(fields[index]);
  return {
    pid,
    state: fields[0] ?? '?',
    parent: at(1),
    ticks: at(11) + at(12) + at(13) + at(14),
    threads: at(17),
    startTicks: at(19),
    residentPages: at(21),
  };
}

/** Program and arguments; undefined when it is gone. */
export function readArguments(pid: number): string[] | undefined {
  return readText(`/proc/${pid}/cmdline`)?.split('\0').slice(0, -1);
}

/** Processes that this process has started and not yet reaped. */
export function childrenOf(pid: number): number[] {
  const listed = readText(`/proc/${pid}/task/${pid}/children`);
  if (listed === undefined) return allPids().filter((candidate) => readStat(candidate)?.parent === pid); // Older kernels.
  return listed.split(' ').flatMap((text) => (text === '' ? [] : [Number(text)]));
}

export function allPids(): number[] {
  return readdirSync('/proc').flatMap((name) => (/^[0-9]+$/.test(name) ? [Number(name)] : []));
}

/** Threads of all processes of that user: what the kernel counts for RLIMIT_NPROC. */
export function countThreadsOf(uid: number): number {
  return allPids().reduce((sum, pid) => sum + (ownerOf(pid) === uid ? (readStat(pid)?.threads ?? 0) : 0), 0);
}

function ownerOf(pid: number): number | undefined {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
}

/** The process and everything below it. */
export function readTree(root: number): ProcessStat[] {
  const stats = allPids().flatMap((pid) => readStat(pid) ?? []);
  const children = Map.groupBy(stats, (stat) => stat.parent);
  const tree = stats.filter((stat) => stat.pid === root);
  for (let index = 0; index < tree.length; index += 1) tree.push(...(children.get(tree[index]?.pid ?? -1) ?? []));
  return tree;
}

/** Whether that very process still runs (a zombie has ended). */
export function isAlive(pid: number, startTicks: number): boolean {
  const stat = readStat(pid);
  return stat !== undefined && stat.startTicks === startTicks && stat.state !== 'Z' && stat.state !== 'X';
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // Gone, or not ours to read.
  }
}
