import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A file with credentials that are good for nothing, where whoever searches a machine for credentials looks. Whatever of it
 * leaves freezes the agent (`src/vault/leak/tripwire.ts`).
 *
 * It is laid down once, in a volume that was made this very moment: in one that a sandbox had before, a name could be a
 * link to somewhere on this machine.
 */
export interface Decoys {
  lay(volume: string, agentId: string): Promise<void>;
}

const FOLDERS = ['.config', 'deploy'];
const FILE = 'credentials';

export function createDecoys(canaries: (agentId: string) => Promise<string>): Decoys {
  return {
    lay: async (volume, agentId) => {
      const parent = join(volume, '..');
      await mkdir(parent, { recursive: true, mode: 0o700 });
      const isNew = await mkdir(volume, { mode: 0o700 }).then(
        () => true,
        () => false,
      );
      if (!isNew) return;
      // Without a vault there is nothing to lay out, and nothing that would notice.
      const text = await canaries(agentId).catch(() => undefined);
      if (text === undefined) return;
      let folder = volume;
      for (const name of FOLDERS) {
        folder = join(folder, name);
        await mkdir(folder);
        // The sandbox's user is another one, and our umask lets nobody else in.
        await chmod(folder, 0o755);
      }
      const file = join(folder, FILE);
      await writeFile(file, text, { flag: 'wx', mode: 0o600 });
      await chmod(file, 0o644);
    },
  };
}
