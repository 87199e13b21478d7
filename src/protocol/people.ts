import { z } from 'zod';

/**
 * `owner`: everything, one person. `admin`: everything but what only the machine's owner may (backups, chains, login
 * links of the owner). `member`: talks to agents and sees their own sessions and those shared with them. `viewer`: sees
 * what is shared with them.
 */
export const ROLES = ['owner', 'admin', 'member', 'viewer'] as const;
export const Role = z.enum(ROLES);
export type Role = z.infer<typeof Role>;

/** Whether a role is at least another. */
export const isAtLeast = (role: Role, least: Role): boolean => ROLES.indexOf(role) <= ROLES.indexOf(least);

/** The one who installed it; always there, cannot be removed. */
export const OWNER_PERSON = 'owner';
export const PersonId = z.string().regex(/^(?:owner|usr_[0-9a-f]{32})$/, 'expected the id of a person');
export const PersonName = z
  .string()
  .trim()
  .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,63}$/u, 'use 1 to 64 letters, digits, spaces and . _ @ -');

export const PersonView = z.object({
  id: z.string(),
  name: z.string(),
  role: Role,
  createdAt: z.number(),
  lastSeenAt: z.number().nullable(),
  /** A second factor is asked for at their logins. */
  secondFactor: z.boolean(),
  /** Addresses on channels that were paired: `telegram:12345`. */
  addresses: z.array(z.string()),
});
export type PersonView = z.infer<typeof PersonView>;

const GivenRole = z.enum(['admin', 'member', 'viewer']);
/** `POST /api/people`. */
export const NewPerson = z.strictObject({ name: PersonName, role: GivenRole.default('member') });
export type NewPerson = z.infer<typeof NewPerson>;
/** `POST /api/people/{id}/role`. */
export const ChangeRole = z.strictObject({ role: GivenRole });

/** `POST /api/people/{id}/invitations`: a link that signs one browser in as that person, once. */
export const Invitation = z.object({ person: z.string(), url: z.string(), expiresAt: z.number() });
export type Invitation = z.infer<typeof Invitation>;

/** `POST /api/sessions/{id}/shares`: somebody else may see this session. */
export const ShareBody = z.strictObject({ person: PersonId });
export const ShareView = z.object({ sessionId: z.string(), people: z.array(z.string()) });

/** What a key may do. `send` talks to agents, `read` sees, `manage` changes agents and their settings. */
export const KEY_ACTIONS = ['read', 'send', 'manage'] as const;
export const KeyAction = z.enum(KEY_ACTIONS);
export type KeyAction = z.infer<typeof KeyAction>;

const YEAR_MS = 366 * 86_400_000;
/** `POST /api/keys`. */
export const NewKey = z.strictObject({
  name: z.string().trim().min(1).max(128),
  actions: z.array(KeyAction).min(1).default(['read', 'send']),
  /** Globs of agent ids; absent: all. */
  agents: z.array(z.string().min(1).max(64)).min(1).max(100).optional(),
  /** How long it is good for. */
  lifetimeMs: z
    .number()
    .int()
    .min(60_000)
    .max(5 * YEAR_MS)
    .default(YEAR_MS),
});
export type NewKey = z.infer<typeof NewKey>;

export const KeyView = z.object({
  id: z.string(),
  name: z.string(),
  /** The person whose eyes and rights it has at most. */
  person: z.string(),
  /** `null`: everything its person may, as tokens made before keys could be narrowed. */
  actions: z.array(KeyAction).nullable(),
  agents: z.array(z.string()).nullable(),
  createdAt: z.number(),
  lastUsedAt: z.number().nullable(),
  expiresAt: z.number().nullable(),
});
export type KeyView = z.infer<typeof KeyView>;
/** The only time that the key itself is shown. */
export const MadeKey = KeyView.extend({ key: z.string() });
export type MadeKey = z.infer<typeof MadeKey>;

export const ChannelName = z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/, 'use 1 to 32 of a-z 0-9 _ -');
/** `POST /api/pairing-codes`: whoever sends this code on that channel is that person from then on. */
export const NewPairing = z.strictObject({ channel: ChannelName, person: PersonId.optional() });
export const PairingCode = z.object({
  code: z.string(),
  channel: z.string(),
  person: z.string(),
  expiresAt: z.number(),
});
export type PairingCode = z.infer<typeof PairingCode>;

export const SenderView = z.object({
  channel: z.string(),
  address: z.string(),
  person: z.string(),
  pairedAt: z.number(),
});
export type SenderView = z.infer<typeof SenderView>;
/** `POST /api/senders`: allows an address without a code. */
export const NewSender = z.strictObject({
  channel: ChannelName,
  address: z.string().min(1).max(200),
  person: PersonId,
});
