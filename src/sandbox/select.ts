import type { HoldfastConfig } from '../protocol/config.ts';
import { HoldfastError } from '../protocol/error.ts';
import { createBubblewrap } from './bubblewrap/bubblewrap.ts';
import { createDocker } from './docker/docker.ts';
import { firstAvailable } from './first-available.ts';
import type { Launcher } from './launcher.ts';

export interface SelectDeps {
  /** Root directory of the installation. */
  readonly home: string;
  /** Private directory for small files of running sandboxes. */
  readonly scratch: string;
}

/**
 * The launcher that the config asks for. There is no way down: a tier that this version does not have is refused here,
 * one that the machine does not have is refused by `create` with the remedy. `auto` may step across, from one full tier
 * to another.
 */
export function selectLauncher(config: HoldfastConfig['sandbox'], deps: SelectDeps): Launcher & AsyncDisposable {
  const bubblewrap = () => createBubblewrap({ ...deps, maxConcurrent: config.maxConcurrent });
  const { socketPath, image, runtime } = config.docker;
  const docker = () =>
    createDocker({
      ...{ ...deps, maxConcurrent: config.maxConcurrent, image },
      ...(socketPath === undefined ? {} : { socketPath }),
      ...(runtime === undefined ? {} : { runtime }),
    });
  if (config.launcher === 'auto') return firstAvailable(bubblewrap(), docker());
  if (config.launcher === 'bubblewrap') return bubblewrap();
  if (config.launcher === 'docker') return docker();
  throw new HoldfastError(
    'config.invalid',
    `This version has no sandbox launcher "${config.launcher}", only bubblewrap and docker.`,
    {
      remedy: 'Set sandbox.launcher to "auto", "bubblewrap" or "docker" in config.json.',
      details: { launcher: config.launcher },
    },
  );
}
