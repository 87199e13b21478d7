/**
 * `npm run setup`: everything between `git clone` and a program that can start. Every step looks first and does only what
 * is missing, so that running it again costs a second. Runs under any Node from 20 on with nothing installed.
 */
import { pathToFileURL } from 'node:url';
import { build } from './build.js';
import { installPackages } from './install-packages.js';
import { runMain, StepError, say } from './steps.js';
import { installSystemPrograms } from './system-programs.js';

export async function setup() {
  const [major = 0] = process.versions.node.split('.').map(Number);
  if (major < 20) throw new StepError(`Node ${process.versions.node} is too old.`, 'Install Node 20 or newer.');
  await installPackages();
  await build();
  await installSystemPrograms();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  await runMain(async () => {
    await setup();
    say('\nReady. Start it with: npm start');
  });
