import { z } from 'zod';
import { JsonValue } from './json.ts';
import { SomePermissions } from './permission.ts';
import { FloorRule, StandingGrant } from './policy-rule.ts';
import { Risk } from './tool.ts';

/** What the gate was told of one call, kept with its decision, so that it can be decided again under other rules. */
export const Judged = z.object({
  tool: z.string(),
  risk: Risk,
  principal: z.string(),
  resources: z.array(JsonValue),
  /** The standing grants that held then, where there were any. */
  grants: z.array(StandingGrant).optional(),
});
export type Judged = z.infer<typeof Judged>;

/** A change of the rules that somebody thinks about. What is not named stays as it is. */
export const PolicyChange = z.strictObject({
  floor: z
    .strictObject({
      /** In place of the rules there are. */
      never: z.array(FloorRule).max(10_000).optional(),
      /** Beside the rules there are. */
      alsoNever: z.array(FloorRule).max(10_000).default([]),
      /** In place of the bounds there are. */
      atMost: SomePermissions.optional(),
    })
    .prefault({}),
  /** Fields of agents' permissions, by agent. */
  agents: z.record(z.string().min(1).max(64), SomePermissions).default({}),
  grants: z
    .strictObject({
      add: z.array(StandingGrant).max(1_000).default([]),
      /** Ids of standing grants. */
      remove: z.array(z.string().min(1)).max(1_000).default([]),
    })
    .prefault({}),
});
export type PolicyChange = z.infer<typeof PolicyChange>;

/** `POST /api/policy/try`. */
export const TryPolicy = z.strictObject({ change: PolicyChange, days: z.number().min(0.01).max(365).default(30) });
export type TryPolicy = z.infer<typeof TryPolicy>;

const Verdict = z.object({ kind: z.enum(['allow', 'ask', 'deny']), rule: z.string(), why: z.string() });
export type TriedVerdict = z.infer<typeof Verdict>;

/** A recorded call that the change would decide otherwise than the rules of today. */
export const DifferingDecision = z.object({
  at: z.number(),
  runId: z.string(),
  callId: z.string(),
  agentId: z.string(),
  template: z.string().optional(),
  tool: z.string(),
  /** What the call would have touched, one line each. */
  about: z.array(z.string()),
  /** What was said when it happened. */
  recorded: z.enum(['allow', 'ask', 'deny']),
  before: Verdict,
  after: Verdict,
});
export type DifferingDecision = z.infer<typeof DifferingDecision>;

export const MOST_DIFFERING = 500;

export const TryResult = z.object({
  from: z.number(),
  to: z.number(),
  /** Decisions that were tried. */
  tried: z.number(),
  /** Recorded before the facts were kept with them, or of a run that is gone. */
  skipped: z.number(),
  differing: z.number(),
  /** How many of each kind: `allow > deny`. */
  kinds: z.record(z.string(), z.number()),
  /** Newest first, at most `MOST_DIFFERING`. */
  decisions: z.array(DifferingDecision),
});
export type TryResult = z.infer<typeof TryResult>;
