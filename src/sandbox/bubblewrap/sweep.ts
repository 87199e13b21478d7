/** Ends what a host process that no longer lives left behind: processes, control groups, scratch files. */
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { childrenOf, pidsIn, removeGroup } from '../cgroup/cgroup-files.ts';
import { readHierarchies } from '../cgroup/hierarchies.ts';
import { killAll } from '../cgroup/kill.ts';
import { allPids, isAlive, readArguments, readStat } from '../process-table.ts';
import { INIT } from './arguments.ts';
import { sweepMemoryFolders } from './memory-folder.ts';
import { isOrphan } from './token.ts';

const GONE_WITHIN_MS = 5_000;

/**
 * The bubblewrap outside and the first process inside of that command. Ending the latter ends all that runs in its
 * namespace. The command itself does not count: its arguments are its own.
 */
export function findMarked(mark: string): number[] {
  return allPids().filter((pid) => markOf(pid) === mark && readStat(pid)?.state !== 'Z');
}

function markOf(pid: number): string | undefined {
  const args = readArguments(pid);
  if (args === undefined) return undefined;
  const start = basename(args[0] ?? '') === 'bwrap' ? args.indexOf('--') + 1 : 0;
  const isOurs = INIT.every((argument, index) => args[start + index] === argument);
  return isOurs ? args[start + INIT.length] : undefined;
}

/** Returns how many trees it ended. */
export async function sweepOrphans(home: string, scratch: string): Promise<number> {
  const orphans = Map.groupBy(
    allPids().flatMap((pid) => {
      const mark = markOf(pid);
      const stat = readStat(pid);
      return mark !== undefined && stat && stat.state !== 'Z' && isOrphan(mark, home)
        ? [{ pid, mark, start: stat.startTicks }]
        : [];
    }),
    (orphan) => orphan.mark,
  );
  const processes = [...orphans.values()].flat();
  killAll(processes.filter(({ pid, start }) => isAlive(pid, start)).map(({ pid }) => pid));
  const deadline = performance.now() + GONE_WITHIN_MS;
  while (processes.some(({ pid, start }) => isAlive(pid, start)) && performance.now() < deadline) await delay(5);
  await removeGroups(home);
  await removeScratch(home, scratch);
  sweepMemoryFolders(home);
  return orphans.size;
}

async function removeGroups(home: string): Promise<void> {
  for (const place of groupPlaces())
    for (const name of childrenOf(place)) {
      if (!isOrphan(name, home)) continue;
      for (const child of childrenOf(join(place, name))) await emptyAndRemove(join(place, name, child));
      removeGroup(join(place, name));
    }
}

async function emptyAndRemove(directory: string): Promise<void> {
  const deadline = performance.now() + GONE_WITHIN_MS;
  while (!removeGroup(directory) && performance.now() < deadline) {
    killAll(pidsIn(directory));
    await delay(5);
  }
}

/** Where groups of ours can be: our own group in each tree, and in version 2 its ancestors. */
function groupPlaces(): string[] {
  const { unified, legacy } = readHierarchies();
  const places = new Set(legacy.values());
  if (unified)
    for (let place = unified.own; place.startsWith(unified.top); place = dirname(place)) {
      places.add(place);
      if (place === unified.top) break;
    }
  return [...places];
}

async function removeScratch(home: string, scratch: string): Promise<void> {
  const names = await readdir(scratch).catch(() => []);
  for (const name of names) if (isOrphan(name, home)) await rm(join(scratch, name), { recursive: true, force: true });
}
