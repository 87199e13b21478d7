/** A command's life from the moment it may start: streams, deadline, abort, limits, and how it ended. */
import { once } from 'node:events';
import { PassThrough, type Readable, Transform } from 'node:stream';
import type { Controller } from '../cgroup/limit-group.ts';
import { type EndFacts, explainExit } from '../exit-reason.ts';
import type { Command, Exit, SandboxProcess } from '../launcher.ts';
import { watchTree } from '../watchdog.ts';
import { type CommandPlace, type StartedCommand, startCommand } from './command.ts';

const ALL: readonly Controller[] = ['memory', 'cpu', 'processes'];
/** Bubblewrap answers 1, the first process inside 126 or 127. */
const START_FAILURE_CODES: readonly (number | null)[] = [1, 126, 127];
const COMPLAINT = /^(?:bwrap|holdfast): (?:line )?(?:[0-9]+: )?/;
const LONGEST_COMPLAINT = 2_000;

export type Stop = (cause: NonNullable<EndFacts['cause']>) => void;

export interface RunningProcess extends SandboxProcess {
  readonly stop: Stop;
}

/** Starts at once. Never throws: a command that cannot start has an exit that says so. */
export function runCommand(place: CommandPlace, command: Command, ready?: StartedCommand): RunningProcess {
  const begin = performance.now();
  const wallMs = command.timeoutMs ?? place.limits.wallMs;
  let started: StartedCommand;
  try {
    started = ready ?? startCommand(place, command);
  } catch (error) {
    return failedProcess(error, wallMs);
  }
  let cause: EndFacts['cause'];
  const stop: Stop = (why) => {
    cause ??= why;
    started.kill();
  };
  const stderr = watchBeginning(started.stderr);
  const exit = follow(started, { place, command, wallMs, stop }).then(async (end) => {
    const startFailure =
      end.startFailure ??
      (cause === undefined && START_FAILURE_CODES.includes(end.code) ? await stderr.complaint() : undefined);
    const durationMs = performance.now() - begin;
    return explainExit({ ...end, ...(cause ? { cause } : {}), startFailure, hits: started.hits(), durationMs, wallMs });
  });
  return { stdin: started.stdin, stdout: started.stdout, stderr: stderr.stream, exit, stop };
}

type End = Pick<EndFacts, 'code' | 'signal' | 'startFailure'>;

interface Watch {
  readonly place: CommandPlace;
  readonly command: Command;
  readonly wallMs: number;
  readonly stop: Stop;
}

async function follow(started: StartedCommand, watch: Watch): Promise<End> {
  const { place, command, wallMs, stop } = watch;
  const timer = setTimeout(() => stop({ reason: 'timeout' }), wallMs);
  const abort = (): void => stop({ reason: 'aborted' });
  command.signal?.addEventListener('abort', abort, { once: true });
  if (command.signal?.aborted) abort();
  const missing = new Set(ALL.filter((controller) => !place.ground.groups?.kernel.has(controller)));
  const root = started.child.pid;
  const watchdog =
    root !== undefined && missing.size > 0
      ? watchTree({ root, limits: place.limits, watch: missing, onLimit: (limit) => stop({ reason: 'limit', limit }) })
      : undefined;
  started.stdin.on('error', () => undefined); // The command closed its input early: its business.
  try {
    const end = await ended(started);
    await started.gone();
    return end;
  } finally {
    clearTimeout(timer);
    watchdog?.[Symbol.dispose]();
    command.signal?.removeEventListener('abort', abort);
  }
}

function ended(started: StartedCommand): Promise<End> {
  return new Promise((resolve) => {
    started.child.once('exit', (code, signal) => resolve({ code, signal }));
    started.child.once('error', (error) =>
      resolve({ code: null, signal: null, startFailure: `could not be started: ${error.message}` }),
    );
  });
}

/**
 * Passes stderr on and keeps the beginning: there it is said why the program could not be started, and nothing else tells
 * such an exit code from the program's own. A program that imitates it only gets its own end described wrongly.
 */
export function watchBeginning(source: Readable): {
  readonly stream: Transform;
  readonly complaint: () => Promise<string | undefined>;
} {
  let head = '';
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (head.length < LONGEST_COMPLAINT) head += chunk.subarray(0, LONGEST_COMPLAINT).toString('utf8');
      if (head.length >= LONGEST_COMPLAINT) stream.emit('head');
      done(null, chunk);
    },
  });
  const whole = Promise.race([once(stream, 'head'), once(source, 'close'), once(source, 'end')]);
  source.pipe(stream);
  source.on('error', (error) => stream.destroy(error));
  const complaint = async (): Promise<string | undefined> => {
    await whole;
    return COMPLAINT.test(head) ? `could not be started: ${head.replace(COMPLAINT, '').trim()}` : undefined;
  };
  whole.catch(() => undefined); // Asked for only after some exit codes.
  return { stream, complaint };
}

/** A command that never ran. */
export function failedProcess(error: unknown, wallMs: number): RunningProcess {
  const message = error instanceof Error ? error.message : String(error);
  return endedProcess(
    explainExit({
      ...{ code: null, signal: null, durationMs: 0, wallMs, hits: { memory: false, processes: false } },
      startFailure: `could not be started: ${message}`,
    }),
  );
}

export function endedProcess(exit: Exit): RunningProcess {
  const stdin = new PassThrough();
  stdin.resume();
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  stdout.end();
  stderr.end();
  return { stdin, stdout, stderr, exit: Promise.resolve(exit), stop: () => undefined };
}
