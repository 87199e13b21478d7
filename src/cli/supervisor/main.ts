import { join } from 'node:path';
import { homeAt, prepareHome } from '../../base/home.ts';
import { aborted, signalOf } from '../../base/lifecycle.ts';
import { createLogger } from '../../base/logger.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { parseArguments } from '../arguments.ts';
import { requireConfig } from '../load-config.ts';
import { checkPort } from './check-port.ts';
import { clearLeftovers } from './claim-home.ts';
import { holdfastProcesses } from './holdfast-processes.ts';
import { openLog } from './rotating-log.ts';
import { createSupervisor } from './supervisor.ts';

/**
 * The supervisor in the background. Its stdout is a pipe to the `holdfast start` that started it: one JSON line per
 * process that became ready, then `{"ready":true}` or `{"failed":…}`; after that nobody reads and nothing is written.
 */
const signal = signalOf(process);
process.on('SIGHUP', () => {}); // The terminal it was started from may close.
process.stdout.on('error', () => {}); // `holdfast start` may have been interrupted; we go on.
const tell = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

try {
  const args = parseArguments(process.argv.slice(2), [
    { name: 'home', value: 'DIR', help: '' },
    { name: 'port', value: 'N', help: '' },
  ]);
  const home = homeAt(args.text('home') ?? '');
  const port = args.number('port', 0);
  const config = await requireConfig(home);
  await prepareHome(home);
  await clearLeftovers(home);
  await checkPort(config.server.host, port ?? config.server.port);
  using log = openLog(join(home.logs, 'supervisor.log'));
  const logger = createLogger({ name: 'supervisor', level: config.logLevel, write: log.write });
  await using supervisor = await createSupervisor(
    { home, port, foreground: false, processes: holdfastProcesses({ home, config, port, env: process.env }) },
    { logger, onProgress: (name, durationMs) => tell({ progress: name, durationMs }) },
  );
  logger.info('started', { url: supervisor.status.url });
  tell({ ready: true, url: supervisor.status.url });
  await Promise.race([aborted(signal), supervisor.stopRequested]);
  logger.info('stopping');
} catch (error) {
  tell({ failed: HoldfastError.from(error).toShape() });
  process.exitCode = 1;
}
