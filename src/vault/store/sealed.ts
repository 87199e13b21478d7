import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/**
 * AES-256-GCM. The name of a value is its additional data, so that a sealed value moved to another name no longer opens.
 * A fresh random nonce for every sealing: with 96 bits and far fewer than 2^32 sealings per key, none repeats.
 */
export interface Sealed {
  readonly nonce: Uint8Array;
  readonly sealed: Uint8Array;
  readonly tag: Uint8Array;
}

const CIPHER = 'aes-256-gcm';
export const KEY_BYTES = 32;

export function seal(key: Buffer, name: string, value: Uint8Array): Sealed {
  const nonce = randomBytes(12);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: 16 });
  cipher.setAAD(Buffer.from(name));
  const sealed = Buffer.concat([cipher.update(value), cipher.final()]);
  return { nonce, sealed, tag: cipher.getAuthTag() };
}

/** `undefined` when the key is another one or a byte was changed. */
export function unseal(key: Buffer, name: string, from: Sealed): Buffer | undefined {
  try {
    const decipher = createDecipheriv(CIPHER, key, from.nonce, { authTagLength: 16 });
    decipher.setAAD(Buffer.from(name));
    decipher.setAuthTag(from.tag);
    return Buffer.concat([decipher.update(from.sealed), decipher.final()]);
  } catch {
    // GCM says nothing but "does not authenticate", and that is all there is to know.
    return undefined;
  }
}
