import { z } from 'zod';
import { CREDENTIAL_KINDS, type CredentialKind as Kind } from './credential-kinds.ts';
import { readPlace } from './egress.ts';
import { AgentId } from './ids.ts';

const KINDS = Object.keys(CREDENTIAL_KINDS) as [Kind, ...Kind[]];
export const CredentialKind = z.enum(KINDS);
export type CredentialKind = z.infer<typeof CredentialKind>;

/** Names are compared in lower case. `own.<agent>.…` is what an agent had made for itself; `provider.…` is of the system tier. */
export const CredentialName = z
  .string()
  .toLowerCase()
  .regex(/^[a-z0-9][a-z0-9_.-]{0,127}$/, 'use 1 to 128 of A-Z a-z 0-9 _ . - and begin with a letter or a digit')
  .refine((name) => !SYSTEM_NAME.test(name), 'names that begin with provider. or system. are of the system tier');
const SYSTEM_NAME = /^(?:provider|system|holdfast)(?:\.|$)/;

/** A pattern of names: `*` stands for any run of characters. */
export const CredentialGlob = z
  .string()
  .toLowerCase()
  .regex(/^[a-z0-9*][a-z0-9_.*-]{0,127}$/, 'use A-Z a-z 0-9 _ . - and *')
  .refine((glob) => !/\*\*/.test(glob), 'one * after another says nothing more than one');

const OWN = 'own.';

/** The beginning of every name that this agent had made for itself. */
export function ownNamespace(agent: string): string {
  return `${OWN}${agent}.`;
}

/** The agent whose namespace holds the name, if it is in one. */
export function ownerOfName(name: string): string | undefined {
  return name.startsWith(OWN) ? name.slice(OWN.length, name.indexOf('.', OWN.length)) : undefined;
}

/** Linear in both lengths: a pattern cannot be made that takes long. */
export function matchesGlob(glob: string, name: string): boolean {
  const [first = '', ...rest] = glob.split('*');
  if (rest.length === 0) return glob === name;
  const last = rest.pop() ?? '';
  if (!name.startsWith(first) || name.length < first.length + last.length || !name.endsWith(last)) return false;
  const end = name.length - last.length;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

const HANDLE = /\$CRED\{([A-Za-z0-9_.-]{1,128})\}/g;

/** How an agent names a credential in what it sends; the vault puts the value in, once, and never looks at the result again. */
export function handleOf(name: string): string {
  return `$CRED{${name}}`;
}

/** The names of all handles in a text, in lower case, each once. */
export function handlesIn(text: string): readonly string[] {
  return [...new Set([...text.matchAll(HANDLE)].map(([, name = '']) => name.toLowerCase()))];
}

/** Replaces every handle in one pass: what a value itself holds is never taken for a handle. */
export function replaceHandles(text: string, fill: (name: string) => string): string {
  return text.replace(HANDLE, (_handle, name: string) => fill(name.toLowerCase()));
}

export const MAX_PART_CHARS = 32_768;
export const MAX_PARTS_CHARS = 65_536;

const Place = z.string().superRefine((text, context) => {
  const rules = readPlace(text);
  if (typeof rules === 'string') context.addIssue({ code: 'custom', message: rules });
});

/** What is known of a credential beside its values; shown to the owner, never secret. */
export const CredentialFacts = z.strictObject({
  kind: CredentialKind.default('value'),
  note: z.string().max(500).default(''),
  /** Where it may be sent, in the grammar of egress places. Empty: only through services that name it. */
  places: z.array(Place).max(50).default([]),
});
export type CredentialFacts = z.infer<typeof CredentialFacts>;

/** The values. Which parts a kind has is in `CREDENTIAL_KINDS`; `partsProblem` checks them. */
export const CredentialParts = z.record(z.string(), z.string().min(1).max(MAX_PART_CHARS));
export type CredentialParts = z.infer<typeof CredentialParts>;

/** What is wrong with these parts for this kind; never tells a value. */
export function partsProblem(kind: CredentialKind, parts: CredentialParts): string | undefined {
  const { required, optional } = CREDENTIAL_KINDS[kind];
  const known: readonly string[] = [...required, ...optional];
  const missing = required.filter((part) => !Object.hasOwn(parts, part));
  if (missing.length > 0) return `a credential of kind ${kind} needs ${missing.join(', ')}`;
  const odd = Object.keys(parts).filter((part) => !known.includes(part));
  if (odd.length > 0) return `a credential of kind ${kind} has no ${odd.map((part) => part.slice(0, 40)).join(', ')}`;
  const chars = Object.values(parts).reduce((sum, part) => sum + part.length, 0);
  return chars > MAX_PARTS_CHARS ? `its parts have ${chars} characters; ${MAX_PARTS_CHARS} are allowed` : undefined;
}

/** The parts that must never be seen. */
export function secretParts(kind: CredentialKind, parts: CredentialParts): readonly string[] {
  const open: readonly string[] = CREDENTIAL_KINDS[kind].open;
  return Object.entries(parts).flatMap(([part, value]) => (open.includes(part) ? [] : [value]));
}

/** `GET /credentials` (owner and host): names, never a value. */
export const CredentialView = z.object({
  name: z.string(),
  kind: CredentialKind,
  note: z.string(),
  places: z.array(z.string()),
  version: z.number(),
  changedAt: z.number(),
  lastUsedAt: z.number().nullable(),
  /** Who may use it now. */
  agents: z.array(z.string()),
});
export type CredentialView = z.infer<typeof CredentialView>;

export const GrantView = z.object({ agent: z.string(), glob: z.string(), grantedAt: z.number() });
export type GrantView = z.infer<typeof GrantView>;

export const CredentialList = z.object({ credentials: z.array(CredentialView), grants: z.array(GrantView) });
export type CredentialList = z.infer<typeof CredentialList>;

export const CredentialCharset = z.enum(['urlsafe', 'hex', 'alphanumeric']);
export type CredentialCharset = z.infer<typeof CredentialCharset>;

/** `POST /generated-credentials` (owner and host): a value made in the vault, named `own.<agent>.<name>`. Answers with the name. */
export const GenerateCredential = z.strictObject({
  agent: AgentId,
  name: z
    .string()
    .toLowerCase()
    .regex(/^[a-z0-9][a-z0-9_-]{0,47}$/, 'use 1 to 48 of a-z 0-9 _ - and begin with a letter or a digit'),
  length: z.number().int().min(16).max(256).default(32),
  charset: CredentialCharset.default('urlsafe'),
});
export type GenerateCredential = z.infer<typeof GenerateCredential>;
export const GeneratedCredential = z.object({ name: z.string() });

/** `GET /agent-credentials/:agent` (owner and host). */
export const AgentCredentialList = z.object({
  credentials: z.array(
    z.object({ name: z.string(), kind: CredentialKind, note: z.string(), places: z.array(z.string()) }),
  ),
});
export type AgentCredentialList = z.infer<typeof AgentCredentialList>;

/** An export: nothing in it can be read without the passphrase. */
export const CredentialArchive = z.strictObject({
  format: z.literal('holdfast-credentials'),
  version: z.literal(1),
  /** argon2id over the passphrase. */
  kdf: z.strictObject({
    salt: z.string().max(64),
    memory: z.number().int().min(8_192).max(1_048_576),
    passes: z.number().int().min(1).max(16),
  }),
  nonce: z.string().max(32),
  box: z.string().max(16_777_216),
});
export type CredentialArchive = z.infer<typeof CredentialArchive>;

/** `POST /credential-export` (owner). */
export const ExportRequest = z.strictObject({
  passphrase: z.string().min(8, 'use at least 8 characters').max(1_000),
  /** The keys of model providers too. */
  system: z.boolean().default(false),
});
/** `POST /credential-import` (owner). What is there already is left alone unless `replace`. */
export const ImportRequest = z.strictObject({
  passphrase: z.string().max(1_000),
  archive: CredentialArchive,
  replace: z.boolean().default(false),
});
export const ImportResult = z.object({
  added: z.array(z.string()),
  replaced: z.array(z.string()),
  kept: z.array(z.string()),
});
export type ImportResult = z.infer<typeof ImportResult>;
