/** A real launcher in a temporary installation, and what the attacks need to look at from outside. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SandboxLimits } from '../../src/protocol/config.ts';
import { createBubblewrap } from '../../src/sandbox/bubblewrap/bubblewrap.ts';
import type { Launcher, Mount, Sandbox } from '../../src/sandbox/launcher.ts';

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

/** `skip` is called with the reason when no sandbox can be made here. */
export async function createSandboxWorld(): Promise<SandboxWorld> {
  const root = await mkdtemp(join(tmpdir(), 'holdfast-escape-'));
  await chmod(root, 0o755);
  const home = join(root, 'home');
  const launcher = createBubblewrap({ home, scratch: join(home, 'run') });
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
