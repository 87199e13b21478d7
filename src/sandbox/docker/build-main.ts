import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { signalOf } from '../../base/lifecycle.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { buildWorkerImage } from './build.ts';

/** Builds the worker image for the command line. One JSON line each: `{"line":…}`, at the end `{"done":…}` or `{"failed":…}`. */
const signal = signalOf(process);
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const FOLDER = fileURLToPath(new URL('../../../docker/worker', import.meta.url));

try {
  const { values } = parseArgs({
    options: { tag: { type: 'string' }, base: { type: 'string' }, socket: { type: 'string' } },
  });
  const { tag, base, socket } = values;
  const done = await buildWorkerImage({
    folder: FOLDER,
    tag,
    base,
    socketPath: socket,
    signal,
    onLine: (line) => say({ line }),
  });
  say({ done });
} catch (thrown) {
  say({ failed: HoldfastError.from(thrown).toShape() });
  process.exitCode = 1;
}
