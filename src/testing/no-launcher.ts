import { HoldfastError } from '../protocol/error.ts';
import type { Launcher } from '../sandbox/launcher.ts';

/** What a machine without any isolation tier looks like to the host. */
export function noLauncher(): Launcher {
  const reason = 'this test has no sandbox.';
  return {
    kind: 'bubblewrap',
    probe: async () => ({
      available: false,
      reason,
      remedy: 'None is needed.',
      limits: { memory: 'soft', cpu: 'soft', processes: 'soft', fileSize: 'soft', wall: 'soft' },
    }),
    create: async () => {
      throw new HoldfastError('sandbox.unavailable', `No sandbox: ${reason}`);
    },
    sweep: async () => 0,
  };
}
