import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { uuidv7 } from './id.ts';

/** Replaces a file whole: written beside it, fsynced, renamed, directory fsynced. Readers see the old or the new one. */
export async function writeFileAtomic(path: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
  const temporary = `${path}.${uuidv7()}.tmp`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
