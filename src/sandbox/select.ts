import type { HoldfastConfig } from '../protocol/config.ts';
import { HoldfastError } from '../protocol/error.ts';
import { createBubblewrap } from './bubblewrap/bubblewrap.ts';
import type { Launcher } from './launcher.ts';

export interface SelectDeps {
  /** Root directory of the installation. */
  readonly home: string;
  /** Private directory for small files of running sandboxes. */
  readonly scratch: string;
}

/**
 * The launcher that the config asks for. There is no way down: a tier that this version does not have is refused here,
 * one that the machine does not have is refused by `create` with the remedy.
 */
export function selectLauncher(config: HoldfastConfig['sandbox'], deps: SelectDeps): Launcher & AsyncDisposable {
  if (config.launcher === 'auto' || config.launcher === 'bubblewrap')
    return createBubblewrap({ ...deps, maxConcurrent: config.maxConcurrent });
  throw new HoldfastError(
    'config.invalid',
    `This version has no sandbox launcher "${config.launcher}", only bubblewrap.`,
    {
      remedy: 'Set sandbox.launcher to "auto" or "bubblewrap" in config.json.',
      details: { launcher: config.launcher },
    },
  );
}
