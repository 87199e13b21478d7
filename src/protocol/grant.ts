import { z } from 'zod';

/** How long a person's yes holds beyond the one call: for this run and its workers, for a week, or until it is revoked. */
export const GRANT_TERMS = ['task', 'week', 'always'] as const;
export const GrantTerm = z.enum(GRANT_TERMS);
export type GrantTerm = z.infer<typeof GrantTerm>;

/** `exact`: the very things the call names. `similar`: a narrow generalisation, said in words. */
export const GRANT_WIDTHS = ['exact', 'similar'] as const;
export const GrantWidth = z.enum(GRANT_WIDTHS);
export type GrantWidth = z.infer<typeof GrantWidth>;

/** What a card offers beyond "once", narrowest first. */
export const GrantOffer = z.object({
  width: GrantWidth,
  words: z.string(),
  /** Lines of `<kind>:<glob>` for the questions of permissions. */
  allows: z.array(z.string()),
  /** Patterns of sinks for the questions of labels. */
  sinks: z.array(z.string()),
});
export type GrantOffer = z.infer<typeof GrantOffer>;

export const GrantChoice = z.strictObject({ width: GrantWidth, term: GrantTerm });
export type GrantChoice = z.infer<typeof GrantChoice>;

/** What a person allowed beforehand. */
export const GrantView = z.object({
  id: z.string(),
  agentId: z.string(),
  /** The worker template it is for; null: the agent itself. */
  template: z.string().nullable(),
  tool: z.string(),
  words: z.string(),
  term: GrantTerm,
  /** The run it holds for. */
  taskId: z.string().nullable(),
  createdAt: z.number(),
  createdBy: z.string(),
  expiresAt: z.number().nullable(),
});
export type GrantView = z.infer<typeof GrantView>;
