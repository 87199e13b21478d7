/**
 * A folder in memory for the sandboxes' `/etc`, which is a thousand tiny files and links: on a disk with a journal making
 * them takes longer than all the rest of a host's start. Other users can list the place but not enter our folder.
 */
import { lstatSync, mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { ownUser } from '../process-table.ts';
import { isOrphan } from './token.ts';

const PLACE = '/dev/shm';
const TMPFS_MAGIC = 0x0102_1994;

/** Undefined where there is none: the caller takes the disk. Never reuses what is already there. */
export function makeMemoryFolder(token: string, place = PLACE): string | undefined {
  const path = join(place, token);
  try {
    if (statfsSync(place).type !== TMPFS_MAGIC) return undefined;
    mkdirSync(path, { mode: 0o700 });
    return path;
  } catch {
    return undefined; // Absent, full, or not ours to write.
  }
}

/** Removes what hosts of this installation that have ended left behind. A name of ours on a folder of others is left. */
export function sweepMemoryFolders(home: string, place = PLACE): void {
  const uid = ownUser();
  for (const name of namesIn(place)) {
    const path = join(place, name);
    const isOurs = isOrphan(name, home) && lstatSync(path, { throwIfNoEntry: false })?.uid === uid;
    if (isOurs) rmSync(path, { recursive: true, force: true });
  }
}

function namesIn(place: string): readonly string[] {
  try {
    return readdirSync(place);
  } catch {
    return []; // There is none on this system.
  }
}
