import type { OwnerChange, OwnerEnvelope, OwnerPayload, VaultIdentity } from '../../../src/protocol/owner-change.ts';
import type { PageKey } from './page-key.ts';
import { sealParts, signPayload, toBase64Url } from './seal.ts';

/** A change as a page writes it: ids are plain text here, the vault checks them; `parts` are sealed before they leave. */
export type PageChange =
  | (Draft<'credential.add'> & WithParts)
  | (Draft<'credential.rotate'> & WithParts)
  | Draft<'credential.remove'>
  | Draft<'grant.add'>
  | Draft<'grant.remove'>
  | Draft<'egress-task.allow'>;

type WithParts = { readonly parts: Readonly<Record<string, string>> };
type Plain<T> = T extends string ? (string extends T ? string : T) : T;
type Draft<K extends OwnerChange['kind']> = {
  [F in Exclude<keyof Extract<OwnerChange, { kind: K }>, 'sealed' | 'agents' | 'agent' | 'places'>]: Plain<
    Extract<OwnerChange, { kind: K }>[F]
  >;
} & ('places' extends keyof Extract<OwnerChange, { kind: K }> ? { places: readonly string[] } : unknown) &
  ('agents' extends keyof Extract<OwnerChange, { kind: K }> ? { agents: readonly string[] } : unknown) &
  ('agent' extends keyof Extract<OwnerChange, { kind: K }> ? { agent: string } : unknown);

const LIFE_MS = 300_000;

export async function makeEnvelope(
  change: PageChange,
  { identity, key, trusted }: { identity: VaultIdentity; key: PageKey | undefined; trusted: boolean },
): Promise<OwnerEnvelope> {
  const { parts, ...plain } = { parts: undefined, ...change };
  const now = Date.now();
  const payload = {
    vault: identity.fingerprint,
    id: toBase64Url(crypto.getRandomValues(new Uint8Array(24))),
    issuedAt: now,
    expiresAt: now + LIFE_MS,
    change: plain,
  } as unknown as OwnerPayload; // the vault is the parser of this
  const sealed = parts === undefined ? {} : { sealed: await sealParts(payload, identity, parts) };
  const text = JSON.stringify({ ...payload, change: { ...payload.change, ...sealed } });
  if (key === undefined || !trusted) return { payload: text };
  return { payload: text, key: key.id, signature: await signPayload(text, key.privateKey) };
}
