import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { processEntry } from '../../base/entry.ts';
import type { Home } from '../../base/home.ts';
import { ERROR_CODES, HoldfastError } from '../../protocol/error.ts';
import { withCompileCache } from './compile-cache.ts';
import { environmentFor } from './environment.ts';

export interface LaunchOptions {
  readonly home: Home;
  readonly port: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onProgress: (name: string, durationMs: number) => void;
}

/** Starts the supervisor in the background and resolves when everything is up; rejects with its reason when not. */
export async function launchSupervisor(options: LaunchOptions): Promise<void> {
  const { home } = options;
  // Only where its complaints go: it makes the rest itself, when the config is good.
  await mkdir(home.logs, { recursive: true, mode: 0o700 });
  const errors = openSync(join(home.logs, 'supervisor.err.log'), 'a', 0o600);
  const port = options.port === undefined ? [] : ['--port', String(options.port)];
  const child = spawn(process.execPath, [processEntry(import.meta.url, './main'), '--home', home.root, ...port], {
    detached: true,
    cwd: home.root,
    env: withCompileCache(environmentFor('supervisor', options.env)),
    stdio: ['ignore', 'pipe', errors],
  });
  closeSync(errors);
  const { stdout } = child;
  if (stdout === null) throw endedEarly(home, 'it has no output');
  const ended = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(endedEarly(home, `exit code ${code}`)));
  });
  try {
    await Promise.race([reports(stdout, options.onProgress, home), ended]);
  } finally {
    ended.catch(() => undefined);
    stdout.destroy();
    child.unref();
  }
}

async function reports(stdout: NodeJS.ReadableStream, onProgress: LaunchOptions['onProgress'], home: Home) {
  for await (const line of createInterface({ input: stdout })) {
    const report: unknown = JSON.parse(line);
    if (typeof report !== 'object' || report === null) continue;
    if ('ready' in report) return;
    if ('failed' in report) throw failureOf(report.failed);
    if ('progress' in report && 'durationMs' in report) onProgress(String(report.progress), Number(report.durationMs));
  }
  throw endedEarly(home, 'it ended without a word');
}

function failureOf(shape: unknown): HoldfastError {
  if (typeof shape !== 'object' || shape === null || !('code' in shape) || !('message' in shape))
    return new HoldfastError('internal', 'The supervisor failed without a reason.');
  const code = ERROR_CODES.find((known) => known === shape.code) ?? 'internal';
  const remedy = 'remedy' in shape && typeof shape.remedy === 'string' ? shape.remedy : undefined;
  return new HoldfastError(code, String(shape.message), { remedy });
}

function endedEarly(home: Home, how: string): HoldfastError {
  return new HoldfastError('internal', `The supervisor did not start: ${how}.`, {
    remedy: `Look at ${join(home.logs, 'supervisor.err.log')}`,
  });
}
