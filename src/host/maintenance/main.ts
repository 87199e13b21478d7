import process from 'node:process';
import { parseArgs } from 'node:util';
import { homeAt, homeDirectory, prepareHome } from '../../base/home.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { readConfig } from '../read-config.ts';
import { backUp } from './back-up.ts';
import { resetHome } from './reset.ts';
import { restoreBackup } from './restore.ts';
import { rollBack } from './roll-back.ts';

/**
 * What is done to the data of a home while its host does not run, and the packing of a backup while it does. Started by
 * the CLI, which itself opens no database. One JSON line on stdout: `{"done":…}` or `{"failed":ErrorShape}`.
 */
process.umask(0o077);
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

async function main(): Promise<unknown> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      home: { type: 'string' },
      file: { type: 'string' },
      'with-key': { type: 'boolean' },
      'host-copy': { type: 'string' },
      'vault-copy': { type: 'string' },
    },
  });
  const home = homeAt(homeDirectory(values.home, undefined));
  await prepareHome(home);
  const { database } = await readConfig(home.configFile, undefined);
  const { file = '', 'host-copy': host, 'vault-copy': vault } = values;
  const running = host === undefined || vault === undefined ? undefined : { host, vault };
  switch (positionals[0]) {
    case 'backup':
      return await backUp({ home, database, file, withKey: values['with-key'] ?? false, running });
    case 'restore':
      return await restoreBackup(home, database, file);
    case 'rollback':
      return await rollBack(home, database);
    case 'reset':
      return await resetHome(home, database);
    default:
      throw new HoldfastError('bad-request', `There is no action ${positionals[0]}.`);
  }
}

try {
  say({ done: await main() });
} catch (thrown) {
  say({ failed: HoldfastError.from(thrown).toShape() });
  process.exitCode = 1;
}
