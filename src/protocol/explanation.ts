import { z } from 'zod';
import { Decision } from './decision.ts';

/** One rule that had a say: what it is about, what it says and why. */
export const ConsideredRule = z.object({
  rule: z.string(),
  about: z.string(),
  verdict: z.enum(['pass', 'ask', 'deny']),
  why: z.string(),
  /** The answer is what it is because of this rule. */
  decided: z.boolean(),
});
export type ConsideredRule = z.infer<typeof ConsideredRule>;

/** Why the gate answers as it does. */
export const Explanation = z.object({
  decision: Decision,
  considered: z.array(ConsideredRule),
  /** What would have to change for another answer: all of it for a yes, any of it for a no. */
  changes: z.array(z.string()),
});
export type Explanation = z.infer<typeof Explanation>;
