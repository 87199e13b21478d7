import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { type LauncherWorld, launcherConformance } from '../launcher.conformance.ts';
import { createBubblewrap } from './bubblewrap.ts';

async function bubblewrapWorld(limits: 'auto' | 'soft'): Promise<LauncherWorld> {
  const root = await mkdtemp(join(tmpdir(), 'holdfast-bubblewrap-'));
  await chmod(root, 0o755);
  const home = join(root, 'home');
  const launcher = createBubblewrap({ home, scratch: join(home, 'run'), limits });
  const probe = await launcher.probe(AbortSignal.timeout(20_000));
  if (!probe.available) throw new Error(`${probe.reason} ${probe.remedy}`);
  return {
    launcher,
    directory: root,
    dispose: async () => {
      await launcher[Symbol.asyncDispose]();
      const left = await readdir(join(home, 'run'));
      await rm(root, { recursive: true, force: true });
      if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
    },
  };
}

describe('bubblewrap, limits by the kernel where it lets us', () => {
  launcherConformance(() => bubblewrapWorld('auto'));
});

describe('bubblewrap, limits by the watchdog', () => {
  launcherConformance(() => bubblewrapWorld('soft'));
});
