import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * A process is named by its id and its start time together: ids are given out again, and we must never signal a
 * stranger that got the id of a process we once started.
 */
export interface ProcessId {
  readonly pid: number;
  readonly startedAt: string;
}

/** The identity of a living process, or undefined when there is none under this pid (zombies count as none). */
export async function identify(pid: number): Promise<ProcessId | undefined> {
  const startedAt = process.platform === 'linux' ? await fromProc(pid) : await fromPs(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

export async function isAlive(id: ProcessId): Promise<boolean> {
  return (await identify(id.pid))?.startedAt === id.startedAt;
}

/** Signals the process unless it is gone or someone else's by now. */
export async function signalProcess(id: ProcessId, signal: 'SIGTERM' | 'SIGKILL'): Promise<boolean> {
  if (!(await isAlive(id))) return false;
  try {
    process.kill(id.pid, signal);
    return true;
  } catch {
    return false; // It ended between the look and the signal.
  }
}

async function fromProc(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return undefined;
  // The second field is the command in parentheses and may hold anything; the rest is split after its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

async function fromPs(pid: number): Promise<string | undefined> {
  const found = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => undefined);
  return found?.stdout.trim() || undefined;
}
