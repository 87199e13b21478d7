import process from 'node:process';
import { parseArgs } from 'node:util';
import { homeAt, homeDirectory } from '../base/home.ts';
import { aborted, signalOf } from '../base/lifecycle.ts';
import { createLogger, silentLogger } from '../base/logger.ts';
import { releaseStartMemory } from '../base/release-memory.ts';
import { HoldfastError } from '../protocol/error.ts';
import { createHost } from './host.ts';
import { createGuardedLog } from './leaks/guarded-log.ts';
import { readConfig } from './read-config.ts';
import { createVaultClient } from './vault-client/vault-client.ts';

/** The host process. On stdout one JSON line: `{"ready":true,…}`, or `{"ready":false,"error":…}`; logs go to stderr. */
const signal = signalOf(process);
process.umask(0o077);
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

try {
  const { values } = parseArgs({ options: { home: { type: 'string' }, port: { type: 'string' } } });
  const home = homeAt(homeDirectory(values.home, process.env['HOLDFAST_HOME']));
  const port = values.port === undefined ? undefined : Number(values.port);
  const config = await readConfig(home.configFile, port, process.env);
  // A client of its own, which does not log: a line about looking through lines would never end.
  await using vault = createVaultClient({ socketPath: home.vaultHostSocket, log: silentLogger });
  await using lines = createGuardedLog(vault.scan, (line) => process.stderr.write(line));
  const log = createLogger({ name: 'host', level: config.logLevel, write: lines.write });
  process.on('unhandledRejection', (error) => log.error('A promise was left unhandled', { error }));
  await using host = await createHost({
    home,
    config,
    pid: process.pid,
    log,
    onFatal: (error) => log.error('The database cannot be written', { error }),
  });
  say({ ready: true, pid: process.pid, url: host.api.url, port: host.api.port });
  releaseStartMemory();
  await aborted(signal);
} catch (thrown) {
  say({ ready: false, error: HoldfastError.from(thrown).toShape() });
  process.exitCode = 1;
}
