/** A command's life in its container: streams, deadline, abort, limits, and how it ended. */

import { closeSync } from 'node:fs';
import { PassThrough, pipeline } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { SandboxLimits } from '../../protocol/config.ts';
import { type CheckedMount, openMount } from '../bubblewrap/mounts.ts';
import { failedProcess, type RunningProcess, type Stop, watchBeginning } from '../bubblewrap/process.ts';
import { type EndFacts, explainExit } from '../exit-reason.ts';
import type { Command, Exit } from '../launcher.ts';
import { orderOf } from './first.ts';
import type { WarmPool } from './pool.ts';
import type { WarmContainer } from './warm.ts';

export interface ContainerPlace {
  readonly pool: WarmPool;
  readonly mounts: readonly CheckedMount[];
  readonly limits: SandboxLimits;
}

/** As the first process inside answers when the program or its folder is not there. */
const START_FAILURE_CODES: readonly number[] = [126, 127];
/** What the kernel's SIGKILL looks like: the engine may hear of the memory limit a little later than of the end. */
const KILLED_CODE = 137;
const HIT_WITHIN_MS = 300;
const NO_HITS = { memory: false, processes: false };

interface Run {
  readonly place: ContainerPlace;
  readonly command: Command;
  readonly order: Buffer;
  readonly wallMs: number;
  readonly stdin: PassThrough;
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
  readonly begin: number;
  cause: EndFacts['cause'];
  container: WarmContainer | undefined;
}

/** Starts at once. Never throws: a command that cannot start has an exit that says so. */
export function runInContainer(place: ContainerPlace, command: Command): RunningProcess {
  const wallMs = command.timeoutMs ?? place.limits.wallMs;
  let order: Buffer;
  try {
    order = orderOf(command);
    for (const mount of place.mounts) closeSync(openMount(mount));
  } catch (error) {
    return failedProcess(error, wallMs);
  }
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  const run: Run = {
    ...{ place, command, order, wallMs, ...streams, begin: performance.now() },
    ...{ cause: undefined, container: undefined },
  };
  const stop: Stop = (why) => {
    run.cause ??= why;
    void run.container?.kill();
  };
  return { ...streams, stop, exit: follow(run, stop) };
}

async function follow(run: Run, stop: Stop): Promise<Exit> {
  const abort = (): void => stop({ reason: 'aborted' });
  run.command.signal?.addEventListener('abort', abort, { once: true });
  try {
    const container = await run.place.pool.take();
    try {
      // Whoever stopped it while there was no container yet had none to kill.
      return run.cause === undefined ? await inContainer(run, container, stop) : ended(run, { code: null });
    } finally {
      run.place.pool.discard(container);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return ended(run, { code: null, startFailure: `could not be started: ${reason}` });
  } finally {
    run.command.signal?.removeEventListener('abort', abort);
    closeUnjoined(run);
  }
}

async function inContainer(run: Run, container: WarmContainer, stop: Stop): Promise<Exit> {
  run.container = container;
  const { input } = container;
  const stderr = watchBeginning(container.stderr);
  const ignore = (): void => undefined; // How a command ended is in its exit.
  pipeline(container.stdout, run.stdout, ignore);
  pipeline(stderr.stream, run.stderr, ignore);
  const timer = setTimeout(() => stop({ reason: 'timeout' }), run.wallMs);
  try {
    input.write(run.order);
    run.stdin.on('error', ignore);
    run.stdin.pipe(input);
    run.place.pool.prepare();
    const code = await container.ended();
    if (run.cause !== undefined) return ended(run, { code: null });
    const complaint = START_FAILURE_CODES.includes(code) ? await stderr.complaint() : undefined;
    return ended(run, {
      code,
      startFailure: complaint,
      hits: { ...NO_HITS, memory: await hitMemory(container, code) },
    });
  } finally {
    clearTimeout(timer);
    run.stdin.unpipe(input);
    run.stdin.resume();
  }
}

async function hitMemory(container: WarmContainer, code: number): Promise<boolean> {
  if (code === 0) return false;
  const deadline = performance.now() + (code === KILLED_CODE ? HIT_WITHIN_MS : 0);
  for (;;) {
    if (await container.hitMemory()) return true;
    if (performance.now() >= deadline) return false;
    await delay(20);
  }
}

function ended(run: Run, facts: Pick<EndFacts, 'code'> & Partial<EndFacts>): Exit {
  const durationMs = performance.now() - run.begin;
  const { cause, wallMs } = run;
  return explainExit({ signal: null, hits: NO_HITS, ...facts, ...(cause ? { cause } : {}), durationMs, wallMs });
}

/** A command that had no container has no output either. */
function closeUnjoined(run: Run): void {
  if (run.container !== undefined) return;
  run.stdin.resume();
  run.stdout.end();
  run.stderr.end();
}
