import { signalOf } from '../base/lifecycle.ts';
import { createPaint, wantsColour } from './render/paint.ts';
import { runCommandLine } from './run.ts';

process.stdout.on('error', ignoreClosedPipe);
process.stderr.on('error', ignoreClosedPipe);
process.exitCode = await runCommandLine(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  interactive: process.stdin.isTTY === true && process.stdout.isTTY === true,
  paint: createPaint(wantsColour(process.env, process.stdout.isTTY === true)),
  signal: signalOf(process),
  print: (line) => process.stdout.write(`${line}\n`),
  warn: (line) => process.stderr.write(`${line}\n`),
});

/** `holdfast logs | head` must end quietly. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
}
