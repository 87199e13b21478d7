import {
  createCipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
} from 'node:crypto';
import { z } from 'zod';
import { CredentialParts } from '../../protocol/credential.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { OwnerChange, type OwnerEnvelope, type OwnerPayload, type SealedParts } from '../../protocol/owner-change.ts';
import { SEAL_INFO, sealContext } from '../../protocol/seal-text.ts';
import type { OwnerKey } from './owner-key.ts';

/**
 * Makes the envelope that `POST /api/owner-changes` takes, on a machine that only knows the vault's public key. `change` may
 * hold the values in the clear as `parts`; they are sealed to the vault before anything leaves this process.
 */
export interface SigningTarget {
  /** The vault's public key in base64url, from `holdfast credentials fingerprint`: known beforehand, never asked of the host. */
  readonly vaultKey: string;
  readonly now: number;
}

const LIFE_MS = 300_000;
const EMPTY: SealedParts = { ephemeral: 'A'.repeat(43), nonce: 'A'.repeat(16), box: '' };
const Draft = z.looseObject({ parts: CredentialParts.optional() });

export function signChange(draft: unknown, key: OwnerKey, target: SigningTarget): OwnerEnvelope {
  const { parts, ...rest } = Draft.parse(draft);
  const change = OwnerChange.safeParse(parts ? { ...rest, sealed: EMPTY } : rest);
  if (!change.success)
    throw new HoldfastError('bad-request', `That is not a change: ${z.prettifyError(change.error)}`, {
      remedy: 'docs/credentials.md lists the kinds of changes.',
    });
  const vaultKey = Buffer.from(target.vaultKey, 'base64url');
  const payload: OwnerPayload = {
    vault: createHash('sha256').update(vaultKey).digest('hex'),
    id: randomBytes(24).toString('base64url'),
    issuedAt: target.now,
    expiresAt: target.now + LIFE_MS,
    change: change.data,
  };
  const sealed = parts ? { ...change.data, sealed: sealParts(payload, vaultKey, parts) } : change.data;
  const text = JSON.stringify({ ...payload, change: sealed });
  const id = createHash('sha256').update(Buffer.from(key.publicKey, 'base64url')).digest('hex').slice(0, 32);
  return { payload: text, key: `key_${id}`, signature: key.sign(text) };
}

function sealParts(payload: OwnerPayload, vaultKey: Buffer, parts: CredentialParts): SealedParts {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  const vault = createPublicKey({
    key: { kty: 'OKP', crv: 'X25519', x: vaultKey.toString('base64url') },
    format: 'jwk',
  });
  const ephemeral = publicKey.export({ format: 'jwk' }).x ?? '';
  const salt = Buffer.concat([Buffer.from(ephemeral, 'base64url'), vaultKey]);
  const shared = diffieHellman({ privateKey, publicKey: vault });
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(hkdfSync('sha256', shared, salt, SEAL_INFO, 32)), nonce);
  cipher.setAAD(Buffer.from(sealContext(payload)));
  const box = Buffer.concat([cipher.update(JSON.stringify(parts)), cipher.final(), cipher.getAuthTag()]);
  return { ephemeral, nonce: nonce.toString('base64url'), box: box.toString('base64url') };
}
