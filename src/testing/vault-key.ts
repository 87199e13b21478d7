import { randomBytes } from 'node:crypto';

/** A raw master key, as an unlocker hands it over. */
export function createVaultKey(): Buffer {
  return randomBytes(32);
}
