/**
 * Control groups version 2. A group may hand controllers to its children only while no process is in it, so the place
 * for our groups is the nearest ancestor that we may write and that hands out memory and pids already: with systemd
 * the user's or the service's delegated slice.
 */
import { dirname } from 'node:path';
import type { SandboxLimits } from '../../protocol/config.ts';
import { childrenOf, counter, exists, make, pidsIn, read, removeGroup, write } from './cgroup-files.ts';
import { killAll } from './kill.ts';
import {
  type Controller,
  CPU_PERIOD_US,
  cpuQuotaUs,
  type LimitGroup,
  type LimitGroups,
  OUR_PROCESSES,
} from './limit-group.ts';

const NAME_OF: Readonly<Record<Controller, string>> = { memory: 'memory', cpu: 'cpu', processes: 'pids' };

export function createUnifiedGroups(own: string, top: string, name: string): LimitGroups | undefined {
  for (let place = own; place.startsWith(top); place = dirname(place)) {
    const groups = tryPlace(place, name);
    if (groups) return groups;
    if (place === top) break;
  }
  return undefined;
}

function tryPlace(place: string, name: string): LimitGroups | undefined {
  const handedOut = read(place, 'cgroup.subtree_control').trim().split(' ');
  const usable = (['memory', 'cpu', 'processes'] as const).filter((key) => handedOut.includes(NAME_OF[key]));
  if (!usable.includes('memory') && !usable.includes('processes')) return undefined;
  const ours = `${place}/${name}`;
  try {
    make(ours);
    write(ours, 'cgroup.subtree_control', usable.map((key) => `+${NAME_OF[key]}`).join(' '));
  } catch {
    removeGroup(ours);
    return undefined; // Not ours to write; an ancestor may be.
  }
  return {
    kernel: new Set(usable),
    create: (child, limits) => createGroup(`${ours}/${child}`, limits, usable),
    dispose: () => {
      for (const child of childrenOf(ours)) removeGroup(`${ours}/${child}`);
      removeGroup(ours);
    },
  };
}

function createGroup(directory: string, limits: SandboxLimits, usable: readonly Controller[]): LimitGroup {
  make(directory);
  if (usable.includes('processes')) write(directory, 'pids.max', limits.processes + OUR_PROCESSES);
  if (usable.includes('cpu')) write(directory, 'cpu.max', `${cpuQuotaUs(limits.cpus)} ${CPU_PERIOD_US}`);
  if (usable.includes('memory')) {
    write(directory, 'memory.max', limits.memoryBytes);
    if (exists(directory, 'memory.swap.max')) write(directory, 'memory.swap.max', 0);
    write(directory, 'memory.oom.group', 1);
  }
  return {
    entrances: [`${directory}/cgroup.procs`],
    kill: () => {
      if (exists(directory, 'cgroup.kill')) write(directory, 'cgroup.kill', 1);
      else killAll(pidsIn(directory));
    },
    hits: () => ({
      memory: counter(directory, 'memory.events', 'oom_kill') > 0,
      processes: counter(directory, 'pids.events', 'max') > 0,
    }),
    remove: () => removeGroup(directory),
  };
}
