import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { openDockerEngine } from '../../testing/docker-engine.ts';
import { type LauncherWorld, launcherConformance } from '../launcher.conformance.ts';
import { createDocker } from './docker.ts';
import { listContainers } from './sweep.ts';

const engine = await openDockerEngine();
if (typeof engine === 'string') console.warn(`skipped: ${engine}`);

describe.skipIf(typeof engine === 'string')('docker', () => {
  if (typeof engine === 'string') return;
  const { socketPath, image } = engine;
  afterAll(() => engine[Symbol.asyncDispose](), 60_000);

  launcherConformance(async (): Promise<LauncherWorld> => {
    const root = await mkdtemp(join(tmpdir(), 'holdfast-docker-'));
    await chmod(root, 0o755);
    const home = join(root, 'home');
    const launcher = createDocker({ home, scratch: join(home, 'run'), socketPath, image });
    const probe = await launcher.probe(AbortSignal.timeout(30_000));
    if (!probe.available) throw new Error(`${probe.reason} ${probe.remedy}`);
    return {
      launcher,
      directory: root,
      dispose: async () => {
        await launcher[Symbol.asyncDispose]();
        const left = await listContainers(engine.engine);
        await rm(root, { recursive: true, force: true });
        if (left.length > 0) throw new Error(`left behind: ${left.map(({ id }) => id).join(', ')}`);
      },
    };
  });
});
