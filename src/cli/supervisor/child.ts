import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { HoldfastError } from '../../protocol/error.ts';
import { identify, type ProcessId, signalProcess } from './process-id.ts';
import { parseReady, type Ready } from './ready-line.ts';
import type { RotatingLog } from './rotating-log.ts';

export interface ChildCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

export interface ChildOptions {
  readonly name: string;
  readonly command: ChildCommand;
  readonly log: RotatingLog;
  /** A process that is not ready by then is ended. */
  readonly readyMs: number;
  readonly stopMs: number;
}

/** One started process. */
export interface Child {
  readonly id: ProcessId;
  readonly ready: Ready;
  /** Resolves once, with how it ended. */
  readonly exited: Promise<string>;
  /** SIGTERM, then SIGKILL. Resolves when it is gone. */
  stop(): Promise<void>;
}

const KEPT_LINES = 20;

/**
 * Starts a process and resolves when it says it is ready; rejects with its last words when it ends before. It gets a
 * session of its own, so that Ctrl-C in the terminal reaches only the supervisor, which then stops all in order.
 */
export async function startChild(options: ChildOptions, onSpawn: (id: ProcessId) => void): Promise<Child> {
  const { command, name } = options;
  const process = spawn(command.file, command.args, {
    env: command.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const lastWords = keepLog(process, options.log);
  const exited = exitOf(process);
  const id = process.pid === undefined ? undefined : await identify(process.pid);
  if (id !== undefined) onSpawn(id);
  const ready = await readyOf(process, exited, options.readyMs);
  if (typeof ready === 'string' || id === undefined) {
    process.kill('SIGKILL');
    const how = typeof ready === 'string' ? ready : await exited;
    throw new HoldfastError('internal', `The ${name} did not start: ${how}.${reasonIn(lastWords())}`, {
      remedy: `Look at its log: holdfast logs ${name}`,
    });
  }
  return { id, ready, exited, stop: () => stopChild(id, exited, options.stopMs) };
}

async function stopChild(id: ProcessId, exited: Promise<string>, stopMs: number): Promise<void> {
  await signalProcess(id, 'SIGTERM');
  const timer = setTimeout(() => void signalProcess(id, 'SIGKILL'), stopMs);
  await exited;
  clearTimeout(timer);
}

function exitOf(process: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    process.once('error', (error) => resolve(error.message));
    process.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `killed by ${signal}`));
  });
}

/** Everything it prints goes to its log; the last lines are kept for the error message. */
function keepLog(process: ChildProcess, log: RotatingLog): () => readonly string[] {
  const kept: string[] = [];
  process.stdout?.on('data', (chunk: Buffer) => log.write(chunk));
  process.stderr?.on('data', (chunk: Buffer) => {
    log.write(chunk);
    kept.push(...chunk.toString('utf8').split('\n').filter(Boolean));
    kept.splice(0, kept.length - KEPT_LINES);
  });
  return () => kept;
}

function readyOf(process: ChildProcess, exited: Promise<string>, readyMs: number): Promise<Ready | string> {
  const { stdout } = process;
  if (stdout === null) return exited;
  return new Promise((resolve) => {
    const lines = createInterface({ input: stdout });
    const timer = setTimeout(() => finish(`not ready after ${readyMs / 1000} s`), readyMs);
    const finish = (outcome: Ready | string): void => {
      clearTimeout(timer);
      lines.removeAllListeners();
      lines.close();
      stdout.resume();
      resolve(outcome);
    };
    lines.on('line', (line) => {
      const ready = parseReady(line);
      if (ready !== undefined) finish(ready);
    });
    void exited.then(finish);
  });
}

/** The message of the last structured error, else the last line. */
function reasonIn(lines: readonly string[]): string {
  for (const line of lines.toReversed()) {
    const message = messageOf(line);
    if (message !== undefined) return ` ${message}`;
  }
  const last = lines.findLast((line) => !line.startsWith('{'));
  return last === undefined ? '' : ` Its last words: ${last}`;
}

function messageOf(line: string): string | undefined {
  if (!line.startsWith('{')) return /^(?:\w*Error|error):? (.*)$/.exec(line)?.[1];
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null) return undefined;
    if ('error' in value && typeof value.error === 'object' && value.error !== null && 'message' in value.error)
      return String(value.error.message);
    return 'level' in value && value.level === 'error' && 'message' in value ? String(value.message) : undefined;
  } catch {
    return undefined;
  }
}
