import { join } from 'node:path';
import { type Home, prepareHome } from '../../base/home.ts';
import { createLogger } from '../../base/logger.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { CliContext } from '../command.ts';
import { vaultOf } from '../connect.ts';
import { supervisorStatus } from '../supervisor/control.ts';
import { vaultProcess } from '../supervisor/holdfast-processes.ts';
import { openLog } from '../supervisor/rotating-log.ts';
import { createSupervisor } from '../supervisor/supervisor.ts';

/** Runs `work` while a vault answers: the running one, else one that lives only as long as the work. */
export async function withVault<T>(context: CliContext, work: () => Promise<T>): Promise<T> {
  const { home, env } = context;
  if ((await supervisorStatus(home.supervisorSocket)) !== undefined) return whenOpen(context, work);
  // A vault that runs as a service of the system has no supervisor.
  if (await answers(home)) return whenOpen(context, work);
  await prepareHome(home);
  using log = openLog(join(home.logs, 'supervisor.log'));
  const logger = createLogger({ name: 'supervisor', level: 'info', write: log.write });
  const processes = [vaultProcess({ home, env })];
  await using _supervisor = await createSupervisor({ home, processes, foreground: true, port: undefined }, { logger });
  return await whenOpen(context, work);
}

async function answers(home: Home): Promise<boolean> {
  return await vaultOf(home)
    .status()
    .then(
      () => true,
      () => false,
    );
}

async function whenOpen<T>({ home }: CliContext, work: () => Promise<T>): Promise<T> {
  const { locked } = await vaultOf(home).status();
  if (!locked) return work();
  throw new HoldfastError('vault.locked', 'The vault waits for its passphrase.', {
    remedy: 'holdfast start, then holdfast unlock, then run setup again',
  });
}
