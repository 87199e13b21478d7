import { type Home, prepareHome } from '../../base/home.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { createPidFile, endProcesses, living, readPidFile, removePidFile } from './pid-file.ts';
import { identify } from './process-id.ts';

const TRIES = 3;

/**
 * Makes this process the only supervisor of a home. Refuses while another one lives; one that was killed is replaced,
 * and the processes that it left behind are ended first, because two hosts must never write one database.
 */
export async function claimHome(home: Home): Promise<void> {
  await prepareHome(home);
  const supervisor = await identify(process.pid);
  if (supervisor === undefined) throw new HoldfastError('internal', 'This process cannot find its own start time.');
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    if (await createPidFile(home.supervisorPid, { supervisor, children: [] })) return;
    await clearLeftovers(home);
  }
  throw alreadyRuns(home, 'another start is under way');
}

/** Ends what a killed supervisor left running. Throws `conflict` while one lives. */
export async function clearLeftovers(home: Home): Promise<void> {
  const file = await readPidFile(home.supervisorPid);
  const alive = file === undefined ? [] : await living(file);
  const supervisor = alive.find((one) => one.name === 'supervisor');
  if (supervisor !== undefined) throw alreadyRuns(home, `process ${supervisor.pid}`);
  await endProcesses(alive);
  await removePidFile(home.supervisorPid);
}

function alreadyRuns(home: Home, who: string): HoldfastError {
  return new HoldfastError('conflict', `Holdfast already runs in ${home.root} (${who}).`, {
    remedy: 'holdfast stop, or use another --home',
  });
}
