import type { CredentialKind, CredentialParts } from '../../protocol/credential.ts';
import { HoldfastError } from '../../protocol/error.ts';

/**
 * What services need of the room that keeps credentials. Who may use one is decided there; where it may be sent is
 * decided here, and its parts never leave this process.
 */
export interface OpenCredential {
  readonly name: string;
  readonly kind: CredentialKind;
  readonly places: readonly string[];
  readonly version: number;
  readonly parts: CredentialParts;
}

export type Resolved =
  | { readonly kind: 'ok'; readonly credential: OpenCredential }
  | { readonly kind: 'denied'; readonly reason: string; readonly unlock: string };

export interface CredentialSource {
  resolve(want: { readonly agent: string; readonly name: string }): Resolved;
  has(name: string): boolean;
  /** As it is now, whoever may use it: for the vault's own renewals and the owner's logins. */
  current(name: string): OpenCredential | undefined;
  /** Writes renewed parts unless they were changed since `version`; answers whether it did. Durable when it returns. */
  renew(name: string, version: number, parts: CredentialParts): boolean;
}

/** A part that its kind requires. */
export function partOf({ name, parts }: OpenCredential, part: string): string {
  const value = parts[part];
  if (value !== undefined) return value;
  throw new HoldfastError('vault.secret-missing', `The credential ${name} has no ${part}.`, {
    remedy: `Enter it again: holdfast credentials rotate ${name}`,
  });
}
