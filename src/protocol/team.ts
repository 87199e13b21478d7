import { z } from 'zod';
import { TeamId, ToolName } from './agent.ts';
import { AgentId } from './ids.ts';
import { SomePermissions } from './permission.ts';

export const MAX_TEAM_FILE = 32_000;
const text = (most: number) => z.string().trim().max(most);

/** One member as a template describes it. `slot` becomes a part of its name: `sales-researcher`. */
export const TeamSlot = z.strictObject({
  slot: z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, 'a-z, 0-9 and -, at most 31 characters'),
  title: text(120).min(1),
  role: text(64).min(1),
  description: text(1_000).default(''),
  tools: z.array(ToolName).max(60).default([]),
  permissions: SomePermissions.default({}),
  schedule: text(100).min(1).nullable().default(null),
  instructions: text(12_000).min(1),
  soul: text(4_000).default(''),
  heartbeat: text(8_000).default(''),
  interface: text(4_000).default(''),
  /** What the owner may want to set in the vault; nothing sets it by itself. */
  daily_usd: z.number().min(0).max(10_000).default(5),
});
export type TeamSlot = z.infer<typeof TeamSlot>;

/** A file of `templates/teams`. */
export const TeamTemplate = z.strictObject({
  id: TeamId,
  title: text(120).min(1),
  description: text(1_000).min(1),
  /** Words by which a description in words finds it. */
  keywords: z.array(z.string()).default([]),
  team_md: text(8_000).min(1),
  /** The slot that leads. */
  lead: z.string().nullable().default(null),
  agents: z.array(TeamSlot).min(1).max(12),
});
export type TeamTemplate = z.infer<typeof TeamTemplate>;

/** A team as it would be made, every name final. Nothing is made before a person sends it back. */
export const TeamProposal = z.strictObject({
  id: TeamId,
  title: text(120).min(1),
  description: text(1_000).default(''),
  template: z.string().nullable().default(null),
  team_md: text(8_000).default(''),
  lead: z.string().nullable().default(null),
  agents: z
    .array(TeamSlot.omit({ slot: true }).extend({ id: AgentId }))
    .min(1)
    .max(12),
  /** What was left out because it is not here, or is not given by words. */
  notes: z.array(z.string().max(500)).max(50).default([]),
});
export type TeamProposal = z.infer<typeof TeamProposal>;

/** `POST /api/teams/preview`: from a template, or from words. */
export const PreviewTeam = z
  .strictObject({ id: TeamId, template: z.string().optional(), description: text(4_000).min(3).optional() })
  .refine((value) => (value.template === undefined) !== (value.description === undefined), {
    message: 'name either a template or a description',
  });
export type PreviewTeam = z.infer<typeof PreviewTeam>;

export const EditTeam = z.strictObject({
  title: text(120).min(1).optional(),
  description: text(1_000).optional(),
  lead: z.string().nullable().optional(),
  team_md: text(MAX_TEAM_FILE).optional(),
});
export type EditTeam = z.infer<typeof EditTeam>;

export const TeamView = z.object({
  id: z.string(),
  title: z.string(),
  description: z.string(),
  template: z.string().nullable(),
  lead: z.string().nullable(),
  members: z.array(z.object({ id: z.string(), title: z.string(), role: z.string(), status: z.string() })),
  createdAt: z.number(),
  updatedAt: z.number(),
});
export type TeamView = z.infer<typeof TeamView>;

export const TeamTemplateView = z.object({
  id: z.string(),
  title: z.string(),
  description: z.string(),
  roles: z.array(z.string()),
  dailyUsd: z.number(),
});
export type TeamTemplateView = z.infer<typeof TeamTemplateView>;
