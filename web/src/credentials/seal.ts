import type { OwnerPayload, SealedParts, VaultIdentity } from '../../../src/protocol/owner-change.ts';
import { SEAL_INFO, sealContext, signedText } from '../../../src/protocol/seal-text.ts';

/**
 * What a page does with a value before it leaves the page: X25519 with a key made for this one value, HKDF-SHA256, AES-256-GCM,
 * all in WebCrypto. The host between page and vault gets ciphertext; what it may be used for is bound to it.
 */
const BITS = 256;
const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);

export async function sealParts(
  payload: OwnerPayload,
  identity: VaultIdentity,
  parts: Readonly<Record<string, string>>,
): Promise<SealedParts> {
  const { subtle } = crypto;
  const own = await subtle.generateKey('X25519', true, ['deriveBits']);
  if (!('privateKey' in own)) throw new Error('This browser has no X25519.');
  const vaultKey = fromBase64Url(identity.publicKey);
  const vault = await subtle.importKey('raw', vaultKey, 'X25519', false, []);
  const shared = await subtle.deriveBits({ name: 'X25519', public: vault }, own.privateKey, BITS);
  const ephemeral = new Uint8Array(await subtle.exportKey('raw', own.publicKey));
  const material = await subtle.importKey('raw', shared, 'HKDF', false, ['deriveKey']);
  const salt = new Uint8Array([...ephemeral, ...vaultKey]);
  const key = await subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt, info: text(SEAL_INFO) },
    material,
    { name: 'AES-GCM', length: BITS },
    false,
    ['encrypt'],
  );
  const nonce = crypto.getRandomValues(new Uint8Array(12));
  const additionalData = text(sealContext(payload));
  const box = await subtle.encrypt({ name: 'AES-GCM', iv: nonce, additionalData }, key, text(JSON.stringify(parts)));
  return { ephemeral: toBase64Url(ephemeral), nonce: toBase64Url(nonce), box: toBase64Url(new Uint8Array(box)) };
}

/** Whether the fingerprint that came along is the one of the key that came along. */
export async function checkedIdentity(identity: VaultIdentity): Promise<VaultIdentity> {
  if (globalThis.crypto.subtle === undefined)
    throw new Error(
      'A browser encrypts only on pages that come over https or from this machine. Use a terminal: holdfast credentials add',
    );
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', fromBase64Url(identity.publicKey)));
  const fingerprint = [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  if (fingerprint !== identity.fingerprint)
    throw new Error('The key of the vault and its fingerprint do not belong together.');
  return identity;
}

export type SigningKey = Parameters<typeof crypto.subtle.sign>[1];

export async function signPayload(payload: string, privateKey: SigningKey): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, text(signedText(payload)))));
}

export function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
}

export function fromBase64Url(value: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(value.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
}
