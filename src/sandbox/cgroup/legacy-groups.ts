/** Control groups version 1: a directory in each controller's tree. */
import type { SandboxLimits } from '../../protocol/config.ts';
import { childrenOf, counter, exists, make, pidsIn, removeGroup, write } from './cgroup-files.ts';
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

const SWAP_LIMIT = 'memory.memsw.limit_in_bytes';

type Directories = ReadonlyMap<Controller, string>;

/** `own` maps a kernel controller name to the directory of our own group; groups are made below `own/<name>`. */
export function createLegacyGroups(own: ReadonlyMap<string, string>, name: string): LimitGroups {
  const usable = new Map<Controller, string>();
  for (const controller of ['memory', 'cpu', 'processes'] as const) {
    const directory = own.get(NAME_OF[controller]);
    if (directory === undefined) continue;
    try {
      make(`${directory}/${name}`);
      usable.set(controller, `${directory}/${name}`);
    } catch {
      // Not ours to write: the watchdog takes this one.
    }
  }
  return {
    kernel: new Set(usable.keys()),
    create: (child, limits) =>
      createGroup(new Map([...usable].map(([key, path]) => [key, `${path}/${child}`])), limits),
    dispose: () => {
      for (const path of usable.values()) {
        for (const child of childrenOf(path)) removeGroup(`${path}/${child}`);
        removeGroup(path);
      }
    },
  };
}

function createGroup(directories: Directories, limits: SandboxLimits): LimitGroup {
  for (const [controller, directory] of directories) {
    make(directory);
    setLimit(controller, directory, limits);
  }
  const paths = [...directories.values()];
  return {
    entrances: paths.map((path) => `${path}/cgroup.procs`),
    kill: () => {
      for (const path of paths) killAll(pidsIn(path));
    },
    hits: () => ({
      memory: count(directories.get('memory'), 'memory.oom_control', 'oom_kill') > 0,
      processes: count(directories.get('processes'), 'pids.events', 'max') > 0,
    }),
    remove: () => paths.map(removeGroup).every((gone) => gone),
  };
}

function count(directory: string | undefined, file: string, key: string): number {
  return directory === undefined ? 0 : counter(directory, file, key);
}

function setLimit(controller: Controller, directory: string, limits: SandboxLimits): void {
  if (controller === 'processes') {
    write(directory, 'pids.max', limits.processes + OUR_PROCESSES);
  } else if (controller === 'cpu') {
    write(directory, 'cpu.cfs_period_us', CPU_PERIOD_US);
    write(directory, 'cpu.cfs_quota_us', cpuQuotaUs(limits.cpus));
  } else {
    write(directory, 'memory.limit_in_bytes', limits.memoryBytes);
    if (exists(directory, SWAP_LIMIT)) write(directory, SWAP_LIMIT, limits.memoryBytes);
  }
}
