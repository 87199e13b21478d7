/** A sandbox of any launcher: a checked spec and the commands that run in it now, each when there is a place for it. */
import { PassThrough, pipeline } from 'node:stream';
import { linkedController } from '../../base/lifecycle.ts';
import { explainExit } from '../exit-reason.ts';
import type { Command, Launcher, Sandbox, SandboxProcess } from '../launcher.ts';
import type { Limiter } from '../limiter.ts';
import { endedProcess, failedProcess, type RunningProcess } from './process.ts';

export interface SandboxParts {
  readonly id: string;
  readonly launcher: Launcher['kind'];
  /** Time limit of a command that names none. */
  readonly wallMs: number;
  readonly limiter: Limiter;
  readonly run: (command: Command) => RunningProcess;
  readonly prepare?: () => void;
  /** Called by `stop`, when no command runs any more. */
  readonly onStop?: () => Promise<void>;
  readonly onDispose: () => Promise<void>;
}

export function createSandbox(parts: SandboxParts): Sandbox {
  const { limiter } = parts;
  const running = new Set<RunningProcess>();
  let stopAll = new AbortController();
  let disposed = false;
  let staysReady = false;

  const prepare = (): void => {
    staysReady = true;
    if (!disposed) parts.prepare?.();
  };

  const runNow = (command: Command): RunningProcess => {
    const process = parts.run(command);
    running.add(process);
    void process.exit.finally(() => {
      running.delete(process);
      limiter.release();
      if (staysReady) prepare();
    });
    return process;
  };

  const spawn = (command: Command): SandboxProcess => {
    const wallMs = command.timeoutMs ?? parts.wallMs;
    if (disposed) return failedProcess(new Error('its sandbox is gone'), wallMs);
    if (command.signal?.aborted) return neverStarted(wallMs);
    if (limiter.tryAcquire()) return runNow(command);
    return runLater({ command, limiter, wallMs, stopped: stopAll.signal, runNow });
  };

  const stop = async (): Promise<void> => {
    staysReady = false;
    stopAll.abort();
    stopAll = new AbortController();
    const all = [...running];
    for (const process of all) process.stop({ reason: 'aborted' });
    await Promise.all(all.map((process) => process.exit));
    await parts.onStop?.();
  };

  return {
    id: parts.id,
    launcher: parts.launcher,
    spawn,
    prepare,
    stop,
    [Symbol.asyncDispose]: async () => {
      if (disposed) return;
      disposed = true;
      await stop();
      await parts.onDispose();
    },
  };
}

interface Later {
  readonly command: Command;
  readonly limiter: Limiter;
  readonly wallMs: number;
  readonly stopped: AbortSignal;
  readonly runNow: (command: Command) => RunningProcess;
}

/** A command that waits for its turn: its streams exist at once and are joined to the real ones when it starts. */
function runLater(later: Later): SandboxProcess {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const start = async (): Promise<RunningProcess> => {
    using waiting = linkedController(later.stopped, ...(later.command.signal ? [later.command.signal] : []));
    const mine = await later.limiter.acquire(waiting.signal);
    const process = mine ? later.runNow(later.command) : neverStarted(later.wallMs);
    const ignore = (): void => undefined; // How a command ended is in its exit.
    pipeline(stdin, process.stdin, ignore);
    pipeline(process.stdout, stdout, ignore);
    pipeline(process.stderr, stderr, ignore);
    return process;
  };
  return { stdin, stdout, stderr, exit: start().then((process) => process.exit) };
}

function neverStarted(wallMs: number): RunningProcess {
  const hits = { memory: false, processes: false };
  return endedProcess(
    explainExit({ cause: { reason: 'aborted' }, code: null, signal: null, hits, durationMs: 0, wallMs }),
  );
}
