import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { writeFileAtomic } from '../../base/atomic-file.ts';
import { isAlive, type ProcessId, signalProcess } from './process-id.ts';

/** Who runs this home: the supervisor and every process it started, so that a killed supervisor leaves no orphan. */
const PidFile = z.object({
  supervisor: z.object({ pid: z.number(), startedAt: z.string() }),
  children: z.array(z.object({ name: z.string(), pid: z.number(), startedAt: z.string() })),
});
export type PidFile = z.infer<typeof PidFile>;

const STOP_MS = 10_000;
const LOOK_MS = 25;

export async function readPidFile(path: string): Promise<PidFile | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return PidFile.parse(JSON.parse(text));
  } catch {
    return undefined; // A half-written file of an earlier version names nobody that we could know for sure.
  }
}

export async function writePidFile(path: string, content: PidFile): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(content)}\n`);
}

/** Creates the file unless there is one; false when there is. Another process sees it whole or not at all. */
export async function createPidFile(path: string, content: PidFile): Promise<boolean> {
  const temporary = `${path}.${content.supervisor.pid}.new`;
  await writeFile(temporary, `${JSON.stringify(content)}\n`, { mode: 0o600 });
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

export async function removePidFile(path: string): Promise<void> {
  await rm(path, { force: true });
}

/** The living processes of a file, supervisor first. */
export async function living(file: PidFile): Promise<(ProcessId & { name: string })[]> {
  const all = [{ name: 'supervisor', ...file.supervisor }, ...file.children];
  const alive = await Promise.all(all.map(isAlive));
  return all.filter((_, index) => alive[index]);
}

/** SIGTERM, then SIGKILL after ten seconds, to each that is still the process it was. Resolves when all are gone. */
export async function endProcesses(processes: readonly ProcessId[], stopMs = STOP_MS): Promise<void> {
  for (const one of processes) await signalProcess(one, 'SIGTERM');
  if (await goneBefore(processes, Date.now() + stopMs)) return;
  for (const one of processes) await signalProcess(one, 'SIGKILL');
  await goneBefore(processes, Date.now() + stopMs);
}

async function goneBefore(processes: readonly ProcessId[], deadline: number): Promise<boolean> {
  for (;;) {
    const alive = await Promise.all(processes.map(isAlive));
    if (!alive.includes(true)) return true;
    if (Date.now() > deadline) return false;
    await delay(LOOK_MS);
  }
}
