/** A real launcher in a temporary installation, and what the attacks need to look at from outside. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SandboxLimits } from '../../src/protocol/config.ts';
import { createBubblewrap } from '../../src/sandbox/bubblewrap/bubblewrap.ts';
import { createDocker } from '../../src/sandbox/docker/docker.ts';
import type { Launcher, Mount, Sandbox } from '../../src/sandbox/launcher.ts';
import type { DockerEngine } from '../../src/testing/docker-engine.ts';

export interface SandboxWorld extends AsyncDisposable {
  readonly root: string;
  readonly home: string;
  readonly launcher: Launcher;
  create(options?: {
    name?: string;
    mounts?: readonly Mount[];
    limits?: Partial<SandboxLimits>;
    egressSocket?: string;
  }): Promise<Sandbox>;
  volumeOf(name: string): string;
}

export type MakeLauncher = (place: { home: string; scratch: string }) => Launcher & AsyncDisposable;

export async function createSandboxWorld(makeLauncher: MakeLauncher = createBubblewrap): Promise<SandboxWorld> {
  const root = await mkdtemp(join(tmpdir(), 'holdfast-escape-'));
  await chmod(root, 0o755);
  const home = join(root, 'home');
  const launcher = makeLauncher({ home, scratch: join(home, 'run') });
  let count = 0;
  const volumeOf = (name: string): string => join(home, 'volumes', name);
  return {
    ...{ root, home, launcher, volumeOf },
    create: (options = {}) => {
      count += 1;
      const name = options.name ?? `volume-${count}`;
      return launcher.create({
        ...{ id: name, volume: volumeOf(name), mounts: options.mounts ?? [], env: {} },
        limits: SandboxLimits.parse({ wallMs: 20_000, ...options.limits }),
        ...(options.egressSocket === undefined ? {} : { egressSocket: options.egressSocket }),
      });
    },
    [Symbol.asyncDispose]: async () => {
      await launcher[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** Why no sandbox can be made on this machine; undefined when one can. */
export async function whyNoSandbox(): Promise<string | undefined> {
  const root = await mkdtemp(join(tmpdir(), 'holdfast-probe-'));
  await using launcher = createBubblewrap({ home: join(root, 'home'), scratch: join(root, 'home', 'run') });
  const probe = await launcher.probe(AbortSignal.timeout(20_000));
  await rm(root, { recursive: true, force: true });
  return probe.available ? undefined : `${probe.reason} ${probe.remedy}`;
}

/** An isolation tier that the attacks run in. */
export interface Tier {
  readonly name: 'bubblewrap' | 'docker';
  /** Why it is left out here; undefined when it is not. */
  readonly skipped: string | undefined;
  /** A program that the tier is made of. */
  readonly program: string;
  readonly makeLauncher: MakeLauncher;
}

export async function bubblewrapTier(): Promise<Tier> {
  const skipped = await whyNoSandbox();
  return { name: 'bubblewrap', skipped, program: '/usr/bin/bwrap', makeLauncher: createBubblewrap };
}

export function dockerTier(engine: DockerEngine | string): Tier {
  const skipped = typeof engine === 'string' ? engine : undefined;
  const { socketPath = '', image = '' } = typeof engine === 'string' ? {} : engine;
  const makeLauncher: MakeLauncher = (place) => createDocker({ ...place, socketPath, image });
  return { name: 'docker', skipped, program: '/usr/sbin/runc', makeLauncher };
}
