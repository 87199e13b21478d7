import type { SandboxLimits } from '../../protocol/config.ts';

export type Controller = 'memory' | 'cpu' | 'processes';

/** Control groups in which the kernel holds a command to its limits. */
export interface LimitGroups {
  /** What the kernel enforces here; the watchdog does the rest. */
  readonly kernel: ReadonlySet<Controller>;
  create(name: string, limits: SandboxLimits): LimitGroup;
  /** Removes the directory of this host. Every group in it must be gone. */
  dispose(): void;
}

/** The groups of one command. */
export interface LimitGroup {
  /** Files that a process writes `0` into to enter. */
  readonly entrances: readonly string[];
  /** Ends every process inside. */
  kill(): void;
  /** Limits that were hit since the start. */
  hits(): { readonly memory: boolean; readonly processes: boolean };
  /** True when nobody is inside any more and the group is gone: the kernel refuses to remove a group that is in use. */
  remove(): boolean;
}

/** Processes beside the command's own: bubblewrap outside and its init inside. */
export const OUR_PROCESSES = 3;
export const CPU_PERIOD_US = 100_000;

export const cpuQuotaUs = (cpus: number): number => Math.max(1_000, Math.round(cpus * CPU_PERIOD_US));
