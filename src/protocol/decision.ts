import { z } from 'zod';

/** A card that host code renders from the exact arguments; nothing in it is written by a model unescaped. */
export const ApprovalCard = z.object({
  title: z.string(),
  /** Plain lines, one fact each: `folder  /home/ada/reports (read-only)`. */
  facts: z.array(z.object({ name: z.string(), value: z.string() })),
  risk: z.string(),
  /** A place that a yes opens for the sandbox of one run, where the vault has the owner's own word for it. */
  egress: z.object({ runId: z.string(), agentId: z.string(), place: z.string() }).optional(),
});
export type ApprovalCard = z.infer<typeof ApprovalCard>;

/** What the gate says. A denial is a value: the model reads `reason`, the user reads `unlock`. */
export const Decision = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('allow'), rule: z.string() }),
  z.object({
    kind: z.literal('ask'),
    rule: z.string(),
    card: ApprovalCard,
    /** A rule of labels asks. `all`: the card shows every byte that would leave; a yes then vouches for them. */
    shows: z.enum(['all', 'part']).optional(),
  }),
  z.object({ kind: z.literal('deny'), rule: z.string(), reason: z.string(), unlock: z.string() }),
]);
export type Decision = z.infer<typeof Decision>;
