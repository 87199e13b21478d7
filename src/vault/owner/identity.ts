import {
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import { z } from 'zod';
import { CredentialParts } from '../../protocol/credential.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { OwnerPayload, SealedParts, VaultIdentity } from '../../protocol/owner-change.ts';
import { SEAL_INFO, sealContext } from '../../protocol/seal-text.ts';
import { type KeyRing, vaultLocked } from '../store/key-ring.ts';
import type { Meta } from '../store/meta.ts';
import { seal, unseal } from '../store/sealed.ts';

/**
 * The vault's own key pair (X25519), to which pages and API clients encrypt values. The private half is sealed under the
 * master key like every other secret; the public half can be read while the vault is locked. Its fingerprint is what
 * people compare between a page and the terminal, since a host could hand out another key.
 */
export interface Identity {
  /** Throws `vault.locked` only before the vault was unlocked for the first time. */
  view(): VaultIdentity;
  /** Opens a value that was sealed for this very change; throws `bad-request` when it does not open. */
  open(payload: OwnerPayload, sealed: SealedParts): CredentialParts;
  /** Opens the private half, or makes the pair: after an unlock. */
  load(): void;
  reseal(from: Buffer, to: Buffer): void;
}

const SEAL_NAME = 'identity\nx25519';
const PUBLIC = 'identity.public';
const PRIVATE = 'identity.private';
const TAG_BYTES = 16;

export function createIdentity(meta: Meta, ring: Pick<KeyRing, 'key'>): Identity {
  let opened: KeyObject | undefined;
  const publicBytes = (): Buffer => {
    const stored = meta.get(PUBLIC);
    if (stored === undefined) throw vaultLocked();
    return Buffer.from(stored, 'base64url');
  };
  return {
    view: () => viewOf(publicBytes()),
    open: (payload, sealed) => {
      if (!opened) throw vaultLocked();
      return openBox(opened, publicBytes(), { payload, sealed });
    },
    load: () => {
      if (!ring.key) return;
      const stored = meta.get(PRIVATE);
      opened = stored === undefined ? make(meta, ring.key) : readPrivate(ring.key, stored);
    },
    reseal: (from, to) => {
      const stored = meta.get(PRIVATE);
      if (stored !== undefined) meta.set(PRIVATE, sealText(to, openText(from, stored)));
    },
  };
}

function viewOf(key: Buffer): VaultIdentity {
  return { publicKey: key.toString('base64url'), fingerprint: createHash('sha256').update(key).digest('hex') };
}

function make(meta: Meta, key: Buffer): KeyObject {
  const { privateKey } = generateKeyPairSync('x25519');
  const jwk = privateKey.export({ format: 'jwk' });
  meta.set(PRIVATE, sealText(key, Buffer.from(JSON.stringify(jwk))));
  meta.set(PUBLIC, jwk.x ?? '');
  return privateKey;
}

function readPrivate(key: Buffer, stored: string): KeyObject {
  return createPrivateKey({ key: JSON.parse(openText(key, stored).toString('utf8')), format: 'jwk' });
}

const StoredSeal = z.tuple([z.string(), z.string(), z.string()]);

function sealText(key: Buffer, value: Uint8Array): string {
  const { nonce, sealed, tag } = seal(key, SEAL_NAME, value);
  return JSON.stringify([nonce, sealed, tag].map((bytes) => Buffer.from(bytes).toString('base64')));
}

function openText(key: Buffer, stored: string): Buffer {
  const [nonce, sealed, tag] = StoredSeal.parse(JSON.parse(stored)).map((text) => Buffer.from(text, 'base64'));
  const value = nonce && sealed && tag && unseal(key, SEAL_NAME, { nonce, sealed, tag });
  if (value) return value;
  throw new HoldfastError('storage.corrupt', "The vault's own key does not authenticate: vault.db was changed.", {
    remedy: 'Restore vault.db from a backup.',
  });
}

function openBox(
  own: KeyObject,
  ownPublic: Buffer,
  { payload, sealed }: { payload: OwnerPayload; sealed: SealedParts },
): CredentialParts {
  try {
    const ephemeral = Buffer.from(sealed.ephemeral, 'base64url');
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: sealed.ephemeral }, format: 'jwk' });
    const shared = diffieHellman({ privateKey: own, publicKey });
    const key = Buffer.from(hkdfSync('sha256', shared, Buffer.concat([ephemeral, ownPublic]), SEAL_INFO, 32));
    const box = Buffer.from(sealed.box, 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(sealed.nonce, 'base64url'), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(sealContext(payload)));
    decipher.setAuthTag(box.subarray(box.length - TAG_BYTES));
    const text = Buffer.concat([decipher.update(box.subarray(0, -TAG_BYTES)), decipher.final()]);
    return CredentialParts.parse(JSON.parse(text.toString('utf8')));
  } catch (error) {
    throw new HoldfastError('bad-request', 'The sealed value does not open: it was made for something else.', {
      remedy: 'Seal it anew with the key of this vault, for this very name, kind, places, agents and expiry.',
      // The cause could hold the text that failed to parse.
      details: { step: error instanceof SyntaxError || error instanceof z.ZodError ? 'contents' : 'seal' },
    });
  }
}
