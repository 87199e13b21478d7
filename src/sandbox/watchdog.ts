/**
 * Holds a process tree to its limits from outside, where the kernel gives us no control group. It looks ten times a
 * second, so a burst between two looks passes: the status calls these limits soft. Memory and process counts end the
 * tree; CPU is throttled by stopping the tree until its average is back under the limit.
 */
import type { SandboxLimits } from '../protocol/config.ts';
import { killAll } from './cgroup/kill.ts';
import type { Controller } from './cgroup/limit-group.ts';
import { OUR_PROCESSES } from './cgroup/limit-group.ts';
import { type ProcessStat, readTree, TICKS_PER_SECOND } from './process-table.ts';

const PERIOD_MS = 100;
const PAGE_BYTES = 4_096;
/** CPU time a tree may use at once before the average counts. */
const BURST_SECONDS = 1;

export interface WatchdogOptions {
  readonly root: number;
  readonly limits: SandboxLimits;
  readonly watch: ReadonlySet<Controller>;
  readonly onLimit: (limit: 'memory' | 'processes') => void;
}

export function watchTree(options: WatchdogOptions): Disposable {
  const { root, limits, watch, onLimit } = options;
  const startedAt = performance.now();
  let stopped: readonly number[] = [];
  const look = (): void => {
    const tree = readTree(root).filter((stat) => stat.pid !== root);
    if (watch.has('memory') && residentBytes(tree) > limits.memoryBytes) onLimit('memory');
    if (watch.has('processes') && countThreads(tree) > limits.processes + OUR_PROCESSES) onLimit('processes');
    if (!watch.has('cpu')) return;
    const allowed = BURST_SECONDS + ((performance.now() - startedAt) / 1_000) * limits.cpus;
    const used = tree.reduce((sum, stat) => sum + stat.ticks, 0) / TICKS_PER_SECOND;
    killAll(stopped, 'SIGCONT');
    stopped = used > allowed ? commandPids(tree, root) : [];
    killAll(stopped, 'SIGSTOP');
  };
  const timer = setInterval(look, PERIOD_MS);
  timer.unref();
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      killAll(stopped, 'SIGCONT');
    },
  };
}

/** Everything but bubblewrap itself and the init inside, which must go on reaping. */
function commandPids(tree: readonly ProcessStat[], root: number): number[] {
  return tree.filter((stat) => stat.parent !== root).map((stat) => stat.pid);
}

function residentBytes(tree: readonly ProcessStat[]): number {
  return tree.reduce((sum, stat) => sum + stat.residentPages, 0) * PAGE_BYTES;
}

function countThreads(tree: readonly ProcessStat[]): number {
  return tree.reduce((sum, stat) => sum + stat.threads, 0);
}
