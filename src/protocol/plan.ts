import { z } from 'zod';

/** `approval`: a person must say yes before any later step begins. `input`: a person must say something. */
export const STEP_KINDS = ['operator', 'worker', 'approval', 'input', 'final'] as const;
export const STEP_STATES = ['pending', 'running', 'waiting', 'done', 'failed', 'skipped'] as const;
export const PLAN_STATES = [
  'planned',
  'running',
  'needs_next_step',
  'awaiting_worker',
  'awaiting_approval',
  'awaiting_user',
  'blocked',
  'completed',
  'failed',
  'cancelled',
] as const;
export type PlanState = (typeof PLAN_STATES)[number];

export const PlanStep = z.object({
  kind: z.enum(STEP_KINDS),
  title: z.string().min(1).max(500),
  state: z.enum(STEP_STATES),
  /** The worker that does it. */
  worker: z.string().optional(),
  result: z.string().max(4_000).optional(),
});
export type PlanStep = z.infer<typeof PlanStep>;

export const PlanView = z.object({
  id: z.string(),
  agentId: z.string(),
  sessionId: z.string().nullable(),
  title: z.string(),
  state: z.enum(PLAN_STATES),
  steps: z.array(PlanStep),
  revision: z.number(),
  createdAt: z.number(),
  updatedAt: z.number(),
});
export type PlanView = z.infer<typeof PlanView>;

export const MOST_STEPS = 10;
/** States in which nobody has to do anything more. */
export const ENDED_PLANS: readonly PlanState[] = ['completed', 'failed', 'cancelled'];

/** Where a plan stands: a pure function of its steps. */
export function planState(steps: readonly PlanStep[]): PlanState {
  const over = (step: PlanStep): boolean => step.state === 'done' || step.state === 'skipped';
  if (steps.every(over)) return 'completed';
  const current = steps.find((step) => step.state === 'running' || step.state === 'waiting');
  if (current?.kind === 'approval') return 'awaiting_approval';
  if (current?.kind === 'input') return 'awaiting_user';
  if (current?.kind === 'worker') return 'awaiting_worker';
  if (current !== undefined) return 'running';
  if (steps.some((step) => step.state === 'failed')) return 'blocked';
  return steps.some(over) ? 'needs_next_step' : 'planned';
}
