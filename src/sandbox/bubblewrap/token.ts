/**
 * The mark on everything a host process leaves in the operating system: directories, control groups, and the command
 * line of each bubblewrap. It names the installation, and the host process by pid and start time, so that a later host
 * can tell an orphan from a living neighbour and never mistakes a recycled pid.
 */
import { createHash, randomBytes } from 'node:crypto';
import { isAlive, ownPid, readStat } from '../process-table.ts';

export function hostToken(home: string): string {
  const pid = ownPid();
  return `${tokenPrefix(home)}${pid}-${readStat(pid)?.startTicks ?? 0}-${randomBytes(4).toString('hex')}`;
}

export function tokenPrefix(home: string): string {
  return `holdfast-${createHash('sha256').update(home).digest('hex').slice(0, 16)}-`;
}

/** Whether `text` is a mark of that installation whose host process has ended. */
export function isOrphan(text: string, home: string): boolean {
  const prefix = tokenPrefix(home);
  if (!text.startsWith(prefix)) return false;
  const [, pid, start] = /^([0-9]+)-([0-9]+)-/.exec(`${text.slice(prefix.length)}-`) ?? [];
  return pid !== undefined && start !== undefined && !isAlive(Number(pid), Number(start));
}
