import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { processEntry } from '../base/entry.ts';
import type { Home } from '../base/home.ts';
import { ERROR_CODES, HoldfastError } from '../protocol/error.ts';
import type { CliContext } from './command.ts';
import { claimHome } from './supervisor/claim-home.ts';
import { removePidFile } from './supervisor/pid-file.ts';

/** Work on the data of a home, done by a process of the host's side: this program opens no database. */
export async function maintain(context: CliContext, args: readonly string[]): Promise<Record<string, unknown>> {
  const entry = processEntry(import.meta.url, '../host/maintenance/main');
  return await askProcess(context, entry, [...args, '--home', context.home.root]);
}

/** Runs a program of ours that answers with one JSON line, `{"done":…}` or `{"failed":ErrorShape}`. */
export async function askProcess(
  context: Pick<CliContext, 'env'>,
  entry: string,
  args: readonly string[],
): Promise<Record<string, unknown>> {
  const child = spawn(process.execPath, [entry, ...args], {
    env: { ...context.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<void>((resolve, reject) => child.once('error', reject).once('close', () => resolve()));
  const [said, complaints] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  const answer = parse(said);
  if (answer === undefined)
    throw new HoldfastError('internal', `It ended without a word: ${complaints.trim().slice(-500) || 'no reason'}`);
  if ('done' in answer && isRecord(answer.done)) return answer.done;
  throw failureOf(answer.failed);
}

/** While `work` runs nobody can start Holdfast in this home; refuses while it runs. */
export async function whileStopped<T>(home: Home, work: () => Promise<T>): Promise<T> {
  await claimHome(home);
  try {
    return await work();
  } finally {
    await removePidFile(home.supervisorPid);
  }
}

function parse(said: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(said);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function failureOf(shape: unknown): HoldfastError {
  if (!isRecord(shape)) return new HoldfastError('internal', 'It failed without a reason.');
  const code = ERROR_CODES.find((known) => known === shape.code) ?? 'internal';
  const remedy = typeof shape.remedy === 'string' ? shape.remedy : undefined;
  return new HoldfastError(code, String(shape.message), { remedy });
}
