import { createHash, createPublicKey, verify } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';
import { type OwnerKeyRequest, type OwnerKeyView, OwnerScope } from '../../protocol/owner-change.ts';
import { signedText } from '../../protocol/seal-text.ts';
import { checkpoint } from '../store/database.ts';

/** Public keys whose signature counts as the owner's word. They are registered over the owner's own socket alone. */
export interface OwnerKeys {
  list(): readonly OwnerKeyView[];
  /** The same key again changes its label and scopes. */
  put(request: OwnerKeyRequest): OwnerKeyView;
  delete(id: string): void;
  /** The scopes that this signature carries. Throws `vault.unsigned` when it is none of a known key. */
  verify(signed: { readonly payload: string; readonly key: string; readonly signature: string }): readonly OwnerScope[];
}

const Row = z.object({
  id: z.string(),
  public_key: z.string(),
  label: z.string(),
  scopes: z.string(),
  created_at: z.number(),
  last_used_at: z.number().nullable(),
});
const MOST_KEYS = 50;

export function createOwnerKeys(database: DatabaseSync, now: () => number): OwnerKeys {
  const rows = () =>
    database
      .prepare('SELECT * FROM owner_keys ORDER BY created_at')
      .all()
      .map((row) => Row.parse(row));
  const find = (id: string) => rows().find((row) => row.id === id);
  return {
    list: () => rows().map(toView),
    put: ({ publicKey, label, scopes }) => {
      const id = idOf(publicKey);
      if (!find(id) && rows().length >= MOST_KEYS)
        throw new HoldfastError('too-large', `There are ${MOST_KEYS} owner keys already.`, {
          remedy: 'Remove one: holdfast owner distrust <id>',
        });
      readKey(publicKey);
      database
        .prepare(
          `INSERT INTO owner_keys (id, public_key, label, scopes, created_at) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET label = excluded.label, scopes = excluded.scopes`,
        )
        .run(id, publicKey, label, JSON.stringify([...new Set(scopes)]), now());
      checkpoint(database);
      const row = find(id);
      if (row) return toView(row);
      throw new HoldfastError('internal', 'The owner key was not kept.');
    },
    delete: (id) => {
      const { changes } = database.prepare('DELETE FROM owner_keys WHERE id = ?').run(id);
      checkpoint(database);
      if (Number(changes) === 0) throw new HoldfastError('not-found', `There is no owner key ${id.slice(0, 100)}.`);
    },
    verify: ({ payload, key, signature }) => {
      const row = find(key);
      const good =
        row !== undefined &&
        verify(null, Buffer.from(signedText(payload)), readKey(row.public_key), Buffer.from(signature, 'base64url'));
      if (!good)
        throw new HoldfastError('vault.unsigned', 'The signature is not one of an owner key that this vault knows.', {
          remedy: 'Register the key with `holdfast owner trust`, or confirm the change with `holdfast owner confirm`.',
        });
      database.prepare('UPDATE owner_keys SET last_used_at = ? WHERE id = ?').run(now(), row.id);
      return toView(row).scopes;
    },
  };
}

/** The id is the beginning of the key's hash: whoever has the key can tell it. */
export function idOf(publicKey: string): string {
  const hash = createHash('sha256').update(Buffer.from(publicKey, 'base64url')).digest('hex');
  return `key_${hash.slice(0, 32)}`;
}

function readKey(publicKey: string) {
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
  } catch (error) {
    throw new HoldfastError('bad-request', 'That is not an Ed25519 public key in base64url.', { cause: error });
  }
}

const Scopes = z.array(OwnerScope);

function toView(row: z.infer<typeof Row>): OwnerKeyView {
  return {
    id: row.id,
    label: row.label,
    scopes: Scopes.parse(JSON.parse(row.scopes)),
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
  };
}
