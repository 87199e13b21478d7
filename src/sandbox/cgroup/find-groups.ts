/**
 * Finds, by doing it, whether the kernel can hold commands to their limits here: a group is made, given limits, entered
 * by a real process and removed again. What merely looks writable does not count.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { SandboxLimits } from '../../protocol/config.ts';
import { readHierarchies } from './hierarchies.ts';
import { createLegacyGroups } from './legacy-groups.ts';
import type { LimitGroups } from './limit-group.ts';
import { createUnifiedGroups } from './unified-groups.ts';

const run = promisify(execFile);
const ENTER = 'for entrance; do echo 0 > "$entrance" || exit 1; done';

/** `name` is the directory that will hold our groups. Undefined: no kernel limits here, use the watchdog. */
export async function findGroups(name: string): Promise<LimitGroups | undefined> {
  const { unified, legacy } = readHierarchies();
  const candidates = [
    () => unified && createUnifiedGroups(unified.own, unified.top, name),
    () => createLegacyGroups(legacy, name),
  ];
  for (const candidate of candidates) {
    const groups = candidate();
    if (groups === undefined) continue;
    if (groups.kernel.size > 0 && (await works(groups))) return groups;
    groups.dispose();
  }
  return undefined;
}

async function works(groups: LimitGroups): Promise<boolean> {
  try {
    const group = groups.create('probe', SandboxLimits.parse({}));
    try {
      await run('/bin/sh', ['-c', ENTER, 'sh', ...group.entrances], { timeout: 10_000 });
    } finally {
      group.kill();
      group.remove();
    }
    return true;
  } catch {
    return false; // Some limit or the entrance is not ours: not a place to rely on.
  }
}
