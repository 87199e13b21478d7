import type { OwnerPayload } from './owner-change.ts';

/**
 * The exact texts that are signed and bound, for both ends of an owner's change (`owner-change.ts`). Without schemas, so
 * that the dashboard can use it as it is.
 */
export function signedText(payload: string): string {
  return `holdfast-owner-change-1\n${payload}`;
}

/** Additional data of a sealed value: everything that it may be used for. */
export function sealContext({ vault, id, expiresAt, change }: OwnerPayload): string {
  const facts = 'facts' in change ? change.facts : undefined;
  const agents = 'agents' in change ? [...change.agents].sort() : [];
  const name = 'name' in change ? change.name : '';
  const bound = [vault, id, expiresAt, change.kind, name, facts?.kind ?? '', facts?.places ?? [], agents];
  return `holdfast-sealed-value-1\n${JSON.stringify(bound)}`;
}

/** `info` of the key derivation; the salt is the sender's key followed by the vault's. */
export const SEAL_INFO = 'holdfast-sealed-value-1';

/** A fingerprint as people compare it: its first 128 bits in groups of four. */
export function readableFingerprint(fingerprint: string): string {
  return fingerprint.slice(0, 32).replace(/(.{4})(?!$)/g, '$1 ');
}
