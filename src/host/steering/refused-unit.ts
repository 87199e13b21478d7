import { HoldfastError } from '../../protocol/error.ts';

/** True when the unit's guard refused it and nothing was written. Every other failure is thrown. */
export async function wasRefused(write: Promise<unknown>): Promise<boolean> {
  try {
    await write;
    return false;
  } catch (thrown) {
    if (HoldfastError.from(thrown).code === 'storage.guard-failed') return true;
    throw thrown;
  }
}
