import { z } from 'zod';
import { HoldfastError } from '../../../protocol/error.ts';
import type { ApiApp } from '../api-env.ts';
import { jsonRoute } from '../route.ts';

const Copy = z.object({ file: z.string() });

/** The running host copies its own database; the owner's command packs the copy. `copy` answers with its path. */
export function backupRoutes(app: ApiApp, copy: () => Promise<string>): void {
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/database-copies',
      summary: 'Makes a consistent copy of the database beside it, for a backup. Only over the unix socket.',
      reply: Copy,
    },
    async ({ caller }) => {
      if (caller.principal.surface === 'cli') return { file: await copy() };
      throw new HoldfastError('forbidden', 'Backups are made by the owner on this machine.', {
        remedy: 'holdfast backup',
      });
    },
  );
}
