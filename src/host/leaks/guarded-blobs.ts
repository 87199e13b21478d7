import type { BlobStore } from '../../storage/blob-store.ts';
import type { LeakGuard } from './leak-guard.ts';

/** What tools and pages leave behind is looked through before it is a file. */
export function createGuardedBlobs(blobs: BlobStore, guard: LeakGuard): BlobStore {
  return { ...blobs, put: async (bytes) => await blobs.put(await guard.bytes(bytes)) };
}
