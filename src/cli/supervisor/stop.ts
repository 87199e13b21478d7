import { setTimeout as delay } from 'node:timers/promises';
import type { Home } from '../../base/home.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { askSupervisor } from './control.ts';
import { endProcesses, living, type PidFile, readPidFile, removePidFile } from './pid-file.ts';

/** Three processes may each take their ten seconds. */
const ORDERLY_MS = 35_000;
const LOOK_MS = 25;

export type StopOutcome = 'stopped' | 'not-running' | 'cleaned-up';

/**
 * Stops whatever runs in a home, by the pids that its supervisor wrote down: first by asking the supervisor, and where
 * none answers by ending what a killed one left behind. Nothing is alive when this resolves.
 */
export async function stopHome(home: Home): Promise<StopOutcome> {
  // Read before asking: the supervisor removes the file a moment before it is gone itself.
  const file = await readPidFile(home.supervisorPid);
  if (file === undefined) return 'not-running';
  const asked = await askSupervisor(home.supervisorSocket, { do: 'stop' });
  if (asked !== undefined && (await goneWithin(file, ORDERLY_MS))) return 'stopped';
  const left = await living(file);
  if (asked === undefined && left.length === 0) return 'not-running';
  await endProcesses(left);
  if ((await living(file)).length > 0)
    throw new HoldfastError('internal', `Process ${left.map((one) => one.pid).join(', ')} cannot be ended.`, {
      remedy: 'It may belong to another user: stop it as that user.',
    });
  await removePidFile(home.supervisorPid);
  return 'cleaned-up';
}

async function goneWithin(file: PidFile, ms: number): Promise<boolean> {
  for (const deadline = Date.now() + ms; Date.now() < deadline; await delay(LOOK_MS)) {
    if ((await living(file)).length === 0) return true;
  }
  return false;
}
