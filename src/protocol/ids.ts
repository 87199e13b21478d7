import { z } from 'zod';

/**
 * Branded ids: `<prefix>_<32 lowercase hex digits>`, time-ordered (UUIDv7 without dashes). Made by `base/id.ts`;
 * agents also have readable ids of their own (`operator`), see `AgentId`.
 */
const id = <P extends string>(prefix: P) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}_[0-9a-f]{32}$`), `expected an id that starts with ${prefix}_`)
    .brand<P>();

export const RunId = id('run');
export type RunId = z.infer<typeof RunId>;
export const SessionId = id('ses');
export type SessionId = z.infer<typeof SessionId>;
export const MessageId = id('msg');
export type MessageId = z.infer<typeof MessageId>;
export const EffectId = id('eff');
export type EffectId = z.infer<typeof EffectId>;
export const ApprovalId = id('apr');
export type ApprovalId = z.infer<typeof ApprovalId>;
export const ArtifactId = id('art');
export type ArtifactId = z.infer<typeof ArtifactId>;
export const TokenId = id('tok');
export type TokenId = z.infer<typeof TokenId>;

/** A readable name: lower case letters, digits, dash and underscore, 1 to 64 characters, starting with a letter. */
export const AgentId = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,63}$/, 'use 1 to 64 of a-z 0-9 _ - and start with a letter')
  .brand<'agent'>();
export type AgentId = z.infer<typeof AgentId>;

/** The built-in coordinator. It always exists and cannot be removed. */
export const OPERATOR: AgentId = AgentId.parse('operator');
