import { z } from 'zod';
import { CredentialFacts, CredentialGlob, CredentialName } from './credential.ts';
import { EgressPlace, EgressRules } from './egress.ts';
import { FreezeScope } from './freeze.ts';
import { AgentId } from './ids.ts';
import { BudgetCaps, EgressExceptions } from './vault-api.ts';

/**
 * A change of what the vault allows, as it travels through a host that is not trusted with it. `POST /owner-changes` takes
 * an envelope on both sockets. Over the owner's own socket it is done. Through the host it is done when an owner key signed
 * it, or when it only takes something away; anything else is held until the owner confirms it on their own socket.
 *
 * A signature is Ed25519 over `signedText(payload)`. The payload names the vault, has an id that is good once, and expires.
 * Values of credentials are sealed to the vault's key (X25519, HKDF-SHA256, AES-256-GCM): the host sees ciphertext, and the
 * additional data (`sealContext`) binds it to its name, kind, places, grants and expiry, so that it cannot be put elsewhere.
 */
const Base64Url = z.string().regex(/^[A-Za-z0-9_-]*$/, 'expected base64url');

export const SealedParts = z.strictObject({
  /** The sender's X25519 key, made for this one value. */
  ephemeral: Base64Url.length(43),
  nonce: Base64Url.length(16),
  /** Ciphertext and tag of the JSON of the parts. */
  box: Base64Url.max(131_072),
});
export type SealedParts = z.infer<typeof SealedParts>;

const Agents = z.array(AgentId).max(50).default([]);

export const OwnerChange = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('credential.add'),
    name: CredentialName,
    facts: CredentialFacts,
    sealed: SealedParts,
    /** Who may use it from then on. */
    agents: Agents,
  }),
  z.strictObject({ kind: z.literal('credential.rotate'), name: CredentialName, sealed: SealedParts }),
  z.strictObject({ kind: z.literal('credential.remove'), name: CredentialName }),
  z.strictObject({ kind: z.literal('grant.add'), agent: AgentId, glob: CredentialGlob }),
  z.strictObject({ kind: z.literal('grant.remove'), agent: AgentId, glob: CredentialGlob }),
  z.strictObject({ kind: z.literal('budget.put'), agent: z.union([z.literal('*'), AgentId]), caps: BudgetCaps }),
  z.strictObject({ kind: z.literal('egress-rules.put'), agent: AgentId, rules: EgressRules }),
  /** Opens places for the sandbox of one run; they close with it. */
  z.strictObject({
    kind: z.literal('egress-task.allow'),
    agent: AgentId,
    run: z.string().regex(/^[\x21-\x7e]{1,200}$/),
    places: z.array(EgressPlace).min(1).max(20),
  }),
  z.strictObject({ kind: z.literal('egress-exceptions.put'), agent: AgentId, exceptions: EgressExceptions }),
  z.strictObject({ kind: z.literal('freeze'), agent: FreezeScope, reason: z.string().min(1).max(500) }),
  z.strictObject({ kind: z.literal('unfreeze'), agent: FreezeScope }),
]);
export type OwnerChange = z.infer<typeof OwnerChange>;

/** What a key may be trusted with. */
export const OWNER_SCOPES = ['credentials', 'egress', 'budgets', 'freeze'] as const;
export const OwnerScope = z.enum(OWNER_SCOPES);
export type OwnerScope = z.infer<typeof OwnerScope>;

export const OwnerPayload = z.strictObject({
  /** Fingerprint of the vault that this is meant for. */
  vault: z.string().regex(/^[0-9a-f]{64}$/),
  /** Good once. */
  id: z.string().regex(/^[A-Za-z0-9_-]{16,64}$/),
  issuedAt: z.number().int().nonnegative(),
  expiresAt: z.number().int().nonnegative(),
  change: OwnerChange,
});
export type OwnerPayload = z.infer<typeof OwnerPayload>;

/** The longest time from `issuedAt` to `expiresAt`, and what clocks may differ. */
export const ENVELOPE_LIFE_MS = 600_000;
export const CLOCK_SKEW_MS = 120_000;

/** `POST /owner-changes`. */
export const OwnerEnvelope = z.strictObject({
  /** The very JSON text of an `OwnerPayload` that was signed. */
  payload: z.string().max(200_000),
  /** Both or none. */
  key: z.string().max(200).optional(),
  signature: Base64Url.length(86).optional(),
});
export type OwnerEnvelope = z.infer<typeof OwnerEnvelope>;

export const OwnerChangeResult = z.discriminatedUnion('state', [
  z.object({ state: z.literal('done') }),
  z.object({ state: z.literal('held'), id: z.string(), unlock: z.string() }),
]);
export type OwnerChangeResult = z.infer<typeof OwnerChangeResult>;

/** `GET /owner-changes`: what waits for the owner's word. */
export const HeldChange = z.object({
  id: z.string(),
  kind: z.string(),
  /** What would be done, in words made by the vault. */
  text: z.string(),
  receivedAt: z.number(),
});
export type HeldChange = z.infer<typeof HeldChange>;
export const HeldChangeList = z.object({ held: z.array(HeldChange) });

/** `GET /identity`: the key that values are sealed to. `fingerprint` is the SHA-256 of its 32 bytes, in hex. */
export const VaultIdentity = z.object({ publicKey: Base64Url.length(43), fingerprint: z.string() });
export type VaultIdentity = z.infer<typeof VaultIdentity>;

/** `PUT /owner-keys` (owner): a public key whose signature counts as the owner's word. */
export const OwnerKeyRequest = z.strictObject({
  publicKey: Base64Url.length(43),
  label: z.string().min(1).max(100),
  scopes: z.array(OwnerScope).min(1),
});
export type OwnerKeyRequest = z.infer<typeof OwnerKeyRequest>;

export const OwnerKeyView = z.object({
  id: z.string(),
  label: z.string(),
  scopes: z.array(OwnerScope),
  createdAt: z.number(),
  lastUsedAt: z.number().nullable(),
});
export type OwnerKeyView = z.infer<typeof OwnerKeyView>;
export const OwnerKeyList = z.object({ keys: z.array(OwnerKeyView) });
