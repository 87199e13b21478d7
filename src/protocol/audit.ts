import { z } from 'zod';

/**
 * The audit's shapes outside the host: what the vault signs, what an anchor keeps, what an export holds. `docs/audit.md`
 * says how to check them without our code.
 */
const Hex64 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits');
export const ChainId = z.string().regex(/^[0-9a-f]{32}$/, 'expected 32 hex digits');

/** A point of the chain that the vault signed. It signs no head that does not continue the last one it signed. */
export const SignedHead = z.strictObject({
  v: z.literal(1),
  chain: ChainId,
  /** Rows of the chain up to here. */
  count: z.number().int().positive(),
  /** `seq` of the last of them. */
  seq: z.number().int().positive(),
  link: Hex64,
  /** Unix milliseconds of the vault's clock. */
  at: z.number().int().nonnegative(),
  /** How many chains this vault has begun: more than one means that a database was replaced or restored. */
  chains: z.number().int().positive(),
  /** Ed25519: the 32 bytes of the public key and the 64 of the signature over `headText`, base64url. */
  key: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  signature: z.string().regex(/^[A-Za-z0-9_-]{86}$/),
});
export type SignedHead = z.infer<typeof SignedHead>;

/** What is signed, in UTF-8. */
export function headText(head: Omit<SignedHead, 'v' | 'key' | 'signature'>): string {
  return ['holdfast-audit-head-1', head.chain, head.count, head.seq, head.link, head.at, head.chains].join('\n');
}

/** What an anchor keeps of one head: one line of JSON. `timestamp` is an RFC 3161 token over the head's line. */
export const AnchorLine = z.strictObject({ head: SignedHead, timestamp: z.string().optional() });
export type AnchorLine = z.infer<typeof AnchorLine>;

/** `POST /audit-heads` (host): the digests of the rows after `from`, 32 bytes each, base64. */
export const HeadRequest = z.strictObject({
  chain: ChainId,
  from: z.number().int().nonnegative(),
  /** `seq` of the last row. */
  seq: z.number().int().positive(),
  /** Empty: sign the last head once more. */
  digests: z.string().max(250_000),
});
export type HeadRequest = z.infer<typeof HeadRequest>;

/** Rows of one request. */
export const MOST_DIGESTS = 4_096;

/** `hmac`: HMAC-SHA256 in hex over the JSON of `AnchorLine` with the secret `audit.webhook`; `null` without that secret. */
export const HeadReply = z.object({ head: SignedHead, hmac: z.string().nullable() });
export type HeadReply = z.infer<typeof HeadReply>;

/** `GET /audit-heads/:chain` (host): where the vault stands; `null` while it has signed nothing of it. */
export const HeadState = z.object({
  signed: z.object({ count: z.number(), link: z.string() }).nullable(),
  key: z.string(),
});
export type HeadState = z.infer<typeof HeadState>;

/** `GET /audit-events?after=…` (host): what was changed at the vault's own doors. Names only, never a value. */
export const VaultEvent = z.object({
  id: z.number(),
  at: z.number(),
  door: z.enum(['owner', 'host']),
  /** Method and kind of thing: `PUT secrets`. */
  action: z.string(),
  target: z.string(),
  /** `done`, or the code of the refusal. */
  outcome: z.string(),
});
export type VaultEvent = z.infer<typeof VaultEvent>;
export const VaultEventList = z.object({ events: z.array(VaultEvent) });
export type VaultEventList = z.infer<typeof VaultEventList>;

/** Secrets of the vault that the audit uses. */
export const AUDIT_KEY_SECRET = 'audit.signing-key';
export const AUDIT_WEBHOOK_SECRET = 'audit.webhook';

/** One row as the API and an export give it. */
export const AuditRowView = z.object({
  seq: z.number(),
  at: z.number(),
  actor: z.string(),
  principal: z.string().nullable(),
  surface: z.string(),
  action: z.string(),
  target: z.string(),
  outcome: z.string(),
  agentId: z.string().nullable(),
  runId: z.string().nullable(),
  argsHash: z.string().nullable(),
  /** JSON text. */
  details: z.string().nullable(),
});
export type AuditRowView = z.infer<typeof AuditRowView>;

/**
 * The text whose SHA-256 is a row's digest. Every column is in it, in this order, and nothing else; so no column can be
 * changed without changing it, and two rows cannot have the same one.
 */
export function rowText(row: AuditRowView): string {
  const who = [row.actor, row.principal, row.surface];
  const what = [row.action, row.target, row.outcome];
  return JSON.stringify([row.seq, row.at, ...who, ...what, row.agentId, row.runId, row.argsHash, row.details]);
}

/** First line of an export; then per line `{"row":AuditRowView,"link":"…"}`, oldest first, and a last line `{"end":count}`. */
export const ExportStart = z.object({
  holdfastAudit: z.literal(1),
  chains: z.array(z.object({ id: ChainId, firstSeq: z.number(), reason: z.string() })).min(1),
});
export const ExportRow = z.object({ row: AuditRowView, link: Hex64.nullable() });
export const ExportEnd = z.object({ end: z.number() });

export const AnchorView = z.object({
  name: z.string(),
  kind: z.enum(['file', 'git', 'webhook', 'rfc3161']),
  /** Rows that it attests. */
  count: z.number(),
  at: z.number().nullable(),
  failedAt: z.number().nullable(),
  problem: z.string().nullable(),
  outside: z.boolean(),
});
export type AnchorView = z.infer<typeof AnchorView>;

/** `GET /api/audit/status`. */
export const AuditStatus = z.object({
  chain: z.string(),
  rows: z.number(),
  /** Rows that the newest anchored head covers. */
  anchored: z.number(),
  /** Rows that could still be changed without anybody noticing, and how long the oldest of them has waited. */
  unanchored: z.number(),
  unanchoredForMs: z.number(),
  anchorEveryMs: z.number(),
  publicKey: z.string().nullable(),
  anchors: z.array(AnchorView),
  /** One sentence each, with the remedy. */
  problems: z.array(z.string()),
});
export type AuditStatus = z.infer<typeof AuditStatus>;

/** What `holdfast audit verify` found. */
export const AuditReport = z.object({
  ok: z.boolean(),
  rows: z.number(),
  /** Rows that a signed head outside attests. */
  attested: z.number(),
  heads: z.number(),
  /** The longest time that a row waited until a head attested it, by the clock of the vault or of the timestamp. */
  widestWindowMs: z.number().nullable(),
  publicKey: z.string().nullable(),
  /** What is wrong, the first first. Empty: nothing was edited, deleted, inserted, moved or replaced up to the last head. */
  problems: z.array(z.string()),
  warnings: z.array(z.string()),
});
export type AuditReport = z.infer<typeof AuditReport>;

const AbsolutePath = z.string().startsWith('/', 'give an absolute path').max(1_000);

/** Where signed heads go. Nothing of an agent's, a person's or a secret is in them: counts, times, hashes. */
export const AnchorConfig = z.discriminatedUnion('kind', [
  /** A line per head is appended and synced: another disk, a mount of another machine. */
  z.strictObject({ kind: z.literal('file'), path: AbsolutePath }),
  /** A commit per head, pushed without force. */
  z.strictObject({
    kind: z.literal('git'),
    remote: z
      .string()
      .regex(/^(?:https:\/\/|ssh:\/\/|file:\/\/|\/|[\w.-]+@[\w.-]+:)[^\s]+$/, 'not an address of a git repository')
      .max(1_000),
    branch: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/)
      .default('holdfast-audit'),
  }),
  /** A POST per head; `x-holdfast-signature` is an HMAC under the vault's secret `audit.webhook`. */
  z.strictObject({ kind: z.literal('webhook'), url: z.url({ protocol: /^https?$/ }) }),
  /** A timestamp per head from an authority, kept in a file beside its head. */
  z.strictObject({
    kind: z.literal('rfc3161'),
    url: z.url({ protocol: /^https?$/ }),
    /** PEM of the authority: answers that it did not sign are refused. */
    caFile: AbsolutePath,
    /** Default: `audit/timestamps.jsonl` in the home. */
    path: AbsolutePath.optional(),
  }),
]);
export type AnchorConfig = z.infer<typeof AnchorConfig>;

export const AuditConfig = z.strictObject({
  anchors: z.array(AnchorConfig).max(10).default([]),
  /** How often new rows are signed and anchored: the longest that a row stands unanchored while an anchor answers. */
  anchorEveryMs: z.number().int().min(1_000).max(86_400_000).default(60_000),
});
export type AuditConfig = z.infer<typeof AuditConfig>;
