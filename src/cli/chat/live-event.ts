import { z } from 'zod';

/** The live hints that the chat shows. Others are ignored, so that a newer host may send more. */
const DraftText = z.object({
  type: z.enum(['draft.text', 'draft.reasoning']),
  runId: z.string(),
  step: z.number(),
  attempt: z.number(),
  text: z.string(),
  /** Characters of this draft that came before. */
  offset: z.number(),
});
const DraftReset = z.object({
  type: z.literal('draft.reset'),
  runId: z.string(),
  step: z.number(),
  attempt: z.number(),
});
const Shown = z.union([DraftText, DraftReset]);
export type ShownLive = z.infer<typeof Shown>;

export function parseLive(value: unknown): ShownLive | undefined {
  const parsed = Shown.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}
