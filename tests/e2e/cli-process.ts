import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';

/** Runs `bin/holdfast.js` as a user does, as a real process with a home of its own. */
export const BIN = join(resolve(import.meta.dirname, '../..'), 'bin', 'holdfast.js');

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly home: string;
  readonly stdin?: string;
  readonly node?: string;
  readonly env?: Record<string, string>;
  readonly timeoutMs?: number;
  /** All that stands on stderr so far, whenever it grows. */
  readonly onStderr?: (text: string) => void;
}

export function holdfast(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const child = spawn(options.node ?? process.execPath, [BIN, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 60_000,
    killSignal: 'SIGKILL',
    env: { PATH: process.env.PATH ?? '', HOLDFAST_HOME: options.home, NO_COLOR: '1', ...options.env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString('utf8');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8');
    options.onStderr?.(stderr);
  });
  child.stdin.on('error', () => {}); // A command that does not read its input may end first.
  child.stdin.end(options.stdin ?? '');
  return new Promise((done, reject) => {
    child.on('error', reject);
    child.on('close', (code) => done({ code, stdout, stderr }));
  });
}
