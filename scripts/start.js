/** `npm start`: setup's missing steps, then `holdfast start`, in the foreground where nobody can type. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setup } from './setup.js';
import { productNode, ROOT, runMain, StepError } from './steps.js';

await runMain(async () => {
  await setup();
  const node = productNode();
  if (node === undefined) throw new StepError('There is no Node 24 to start with.', 'npm run setup');
  const foreground = process.stdin.isTTY && process.stdout.isTTY ? [] : ['--foreground'];
  const args = [join(ROOT, 'bin', 'holdfast.js'), 'start', ...foreground, ...process.argv.slice(2)];
  const child = spawn(node, args, { stdio: 'inherit' });
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.on('error', () => resolve(1));
    child.on('exit', (code) => resolve(code ?? 1));
  });
});
