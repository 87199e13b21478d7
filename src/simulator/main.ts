import { parseArgs } from 'node:util';
import { signalOf } from '../base/lifecycle.ts';
import { HoldfastError } from '../protocol/error.ts';
import { run } from './simulator.ts';

const USAGE = 'Usage: simulator [--port N] [--scenario FILE]...';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { port: { type: 'string', default: '0' }, scenario: { type: 'string', multiple: true, default: [] } },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new HoldfastError('bad-request', `--port ${values.port} is not a port number.`, { remedy: USAGE });
  const config = { port, scenarioFiles: values.scenario, write: (line: string) => process.stdout.write(line) };
  await run(config, signalOf(process));
}

try {
  await main();
} catch (thrown) {
  const error = HoldfastError.from(thrown, 'bad-request');
  process.stderr.write(`${error.message}\n${error.remedy ?? USAGE}\n`);
  process.exitCode = 1;
}
