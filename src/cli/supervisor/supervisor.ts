import { type Clock, systemClock } from '../../base/clock.ts';
import type { Home } from '../../base/home.ts';
import type { Logger } from '../../base/logger.ts';
import { VERSION } from '../../base/version.ts';
import { claimHome } from './claim-home.ts';
import { type ControlRequest, type SupervisorStatus, serveControl } from './control.ts';
import { ManagedProcess, type ProcessSpec, type ProcessStatus } from './managed-process.ts';
import { removePidFile, writePidFile } from './pid-file.ts';
import { identify } from './process-id.ts';
import type { RestartPolicyOptions } from './restart-policy.ts';

/**
 * Keeps the processes of one home alive: starts them, restarts whichever dies, and stops them in the reverse
 * of their order. Every process it starts is written to the pid file first of all, so that even after `kill -9` of the supervisor
 * itself the next start or stop finds and ends what it left behind.
 */
export interface SupervisorConfig {
  readonly home: Home;
  readonly processes: readonly ProcessSpec[];
  readonly foreground: boolean;
  readonly port: number | undefined;
}

export interface SupervisorDeps {
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly readyMs?: number;
  readonly stopMs?: number;
  readonly restart?: RestartPolicyOptions;
  readonly onProgress?: (name: string, durationMs: number) => void;
}

export interface Supervisor extends AsyncDisposable {
  readonly status: SupervisorStatus;
  /** Resolves when someone asked to stop over the control socket. */
  readonly stopRequested: Promise<void>;
}

const READY_MS = 30_000;
const STOP_MS = 10_000;

/** Resolves when every process is ready. When one does not start, those before it are stopped and it rejects. */
export async function createSupervisor(config: SupervisorConfig, deps: SupervisorDeps): Promise<Supervisor> {
  const clock = deps.clock ?? systemClock;
  const { home } = config;
  await claimHome(home);
  const { promise: stopRequested, resolve: requestStop } = Promise.withResolvers<void>();
  const startedAt = clock.now();
  const managed: ManagedProcess[] = [];
  const notes = createPidNotes(home, managed);
  const status = (): SupervisorStatus => statusOf({ config, startedAt, managed });
  await using undo = new AsyncDisposableStack();
  undo.defer(async () => {
    await notes.drain();
    await removePidFile(home.supervisorPid);
  });
  const control = await serveControl(home.supervisorSocket, (request) =>
    answer(request, { status, managed, requestStop, stopRequested }),
  );
  undo.use(control);
  for (const spec of config.processes) managed.push(manage(spec, { ...deps, clock, onChange: notes.update }));
  // In the reverse order; when one does not start, all that did are ended.
  for (const one of managed) undo.defer(() => one.stop());
  await startAll(managed, { clock, onProgress: deps.onProgress });
  const teardown = undo.move();
  return {
    get status() {
      return status();
    },
    stopRequested,
    [Symbol.asyncDispose]: () => teardown.disposeAsync(),
  };
}

function manage(spec: ProcessSpec, deps: SupervisorDeps & { clock: Clock; onChange: () => void }): ManagedProcess {
  const { clock, logger, onChange, readyMs = READY_MS, stopMs = STOP_MS, restart } = deps;
  return new ManagedProcess(spec, { clock, logger, readyMs, stopMs, onChange, ...(restart ? { restart } : {}) });
}

/**
 * Side by side: none needs another one to be ready, and whoever asks one that is not yet waits for it. Rejects with the first
 * that failed, but only when none is in the middle of its start any more, so that all can be ended.
 */
async function startAll(
  managed: readonly ManagedProcess[],
  { clock, onProgress }: { clock: Clock; onProgress: SupervisorDeps['onProgress'] },
): Promise<void> {
  const began = clock.now();
  const started: Promise<void>[] = [];
  for (const one of managed) {
    const earlier = Promise.all(started);
    earlier.catch(() => undefined); // Told below; not everyone waits for it.
    started.push(one.start(earlier).then(() => onProgress?.(one.status.name, clock.now() - began)));
  }
  const outcomes = await Promise.allSettled(started);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

interface ControlState {
  readonly status: () => SupervisorStatus;
  readonly managed: readonly ManagedProcess[];
  readonly requestStop: () => void;
  readonly stopRequested: Promise<void>;
}

async function answer(request: ControlRequest, state: ControlState): Promise<unknown> {
  if (request.do === 'restart') {
    const one = state.managed.find((candidate) => candidate.status.name === request.process);
    if (one === undefined) throw new Error(`no process "${request.process}"`);
    await one.restart();
  }
  if (request.do === 'stop') setImmediate(state.requestStop);
  return state.status();
}

/** Writes the pid file, one write after the other and never more than one waiting. */
function createPidNotes(home: Home, managed: readonly ManagedProcess[]) {
  let writing: Promise<void> = Promise.resolve();
  let waiting = false;
  const write = async (): Promise<void> => {
    waiting = false;
    const supervisor = await identify(process.pid);
    const children = managed.flatMap((one) => (one.id ? [{ name: one.status.name, ...one.id }] : []));
    if (supervisor !== undefined) await writePidFile(home.supervisorPid, { supervisor, children });
  };
  return {
    update: (): void => {
      if (waiting) return;
      waiting = true;
      writing = writing.then(write).catch(() => undefined); // A full disk: the processes run on all the same.
    },
    drain: (): Promise<void> => writing,
  };
}

function statusOf(state: {
  config: SupervisorConfig;
  startedAt: number;
  managed: readonly ManagedProcess[];
}): SupervisorStatus {
  const processes = state.managed.map((one) => one.status);
  return {
    version: VERSION,
    pid: process.pid,
    startedAt: state.startedAt,
    foreground: state.config.foreground,
    port: state.config.port ?? null,
    url: state.managed.find((one) => one.status.name === 'host')?.ready?.url ?? null,
    processes,
    problems: processes.flatMap(problemOf),
  };
}

function problemOf(one: ProcessStatus): string[] {
  const last = one.lastExit === null ? '' : ` (${one.lastExit})`;
  if (one.state === 'boot-loop')
    return [
      `The ${one.name} keeps crashing${last}: it is tried again once a minute. Remedy: holdfast logs ${one.name}, then holdfast restart`,
    ];
  if (one.state === 'restarting') return [`The ${one.name} is being restarted${last}.`];
  return [];
}
