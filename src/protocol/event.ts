import { z } from 'zod';
import { BudgetRefusal, LimitRef } from './budget.ts';
import { ApprovalCard, Decision } from './decision.ts';
import { ERROR_CODES } from './error.ts';
import { JsonValue } from './json.ts';
import { Label } from './label.ts';
import { PLAN_STATES } from './plan.ts';
import { Judged } from './policy-change.ts';
import { RunKind, RunLimits, RunResult } from './run.ts';
import { ToolOutcome } from './tool.ts';
import { AssistantMessage, StopReason, Usage } from './transcript.ts';

/**
 * The journal: one append-only stream of typed, versioned events. Everything else (state, transcripts, dashboard,
 * traces, costs) is derived from it. Events below are durable; `LiveEvent` at the end are hints that are never stored.
 */
export const ErrorInfo = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  remedy: z.string().optional(),
  retryable: z.boolean().optional(),
  retryAfterMs: z.number().optional(),
  /** Of `budget.exceeded`: the cap that refused. */
  budget: BudgetRefusal.optional(),
});
export type ErrorInfo = z.infer<typeof ErrorInfo>;

const event = <T extends string, S extends z.ZodRawShape>(type: T, shape: S) =>
  z.object({ type: z.literal(type), ...shape });

export const RunStarted = event('run.started', {
  kind: RunKind,
  agentId: z.string(),
  sessionId: z.string().optional(),
  parentRunId: z.string().optional(),
  template: z.string().optional(),
  model: z.string(),
  tools: z.array(z.string()),
  systemPrompt: z.string(),
  limits: RunLimits,
});

export const JournalEvent = z.discriminatedUnion('type', [
  RunStarted,
  /** The run goes on after a restart. `interrupted` lists the effects whose outcome is unknown. */
  event('run.resumed', {
    epoch: z.number(),
    interrupted: z.array(z.string()),
    /** Why it was started again while the host ran on; absent: the host itself was. */
    cause: z.string().optional(),
  }),
  /** Text that enters the transcript: the user's message, the parent's task or answer, a note of the host. */
  event('input.received', {
    source: z.enum(['user', 'parent', 'host']),
    text: z.string(),
    messageId: z.string().optional(),
    label: Label,
    /** Came while the run was under way. */
    late: z.boolean().optional(),
  }),
  /** What the model reads besides this run's own transcript has this label: the earlier turns of its session. */
  event('context.labelled', { from: z.enum(['session']), label: Label }),
  event('model.requested', { step: z.number(), attempt: z.number(), model: z.string(), callId: z.string() }),
  event('model.finished', {
    step: z.number(),
    attempt: z.number(),
    callId: z.string(),
    message: AssistantMessage,
    stop: StopReason,
    usage: Usage,
    /** USD as the vault settled it; `estimated` when the provider reported no usage. */
    costUsd: z.number().optional(),
    estimated: z.boolean().optional(),
    durationMs: z.number(),
    firstTokenMs: z.number().optional(),
  }),
  event('model.failed', {
    step: z.number(),
    attempt: z.number(),
    callId: z.string(),
    error: ErrorInfo,
    willRetry: z.boolean(),
  }),
  event('tool.requested', {
    step: z.number(),
    callId: z.string(),
    effectId: z.string(),
    tool: z.string(),
    input: JsonValue,
    argsHash: z.string(),
  }),
  event('tool.decided', {
    callId: z.string(),
    decision: Decision,
    /** What it was decided from; absent in events of older versions. */
    judged: Judged.optional(),
  }),
  event('approval.requested', {
    approvalId: z.string(),
    callId: z.string(),
    card: ApprovalCard,
    expiresAt: z.number(),
  }),
  event('approval.decided', {
    approvalId: z.string(),
    callId: z.string(),
    outcome: z.enum(['allowed', 'denied', 'expired']),
    by: z.string(),
    surface: z.string(),
  }),
  event('effect.started', {
    effectId: z.string(),
    callId: z.string(),
    tool: z.string(),
    childRunId: z.string().optional(),
  }),
  event('effect.finished', {
    effectId: z.string(),
    callId: z.string(),
    tool: z.string(),
    outcome: ToolOutcome,
    durationMs: z.number(),
  }),
  event('loop.noticed', {
    verdict: z.enum(['warn', 'skip', 'stop']),
    tool: z.string(),
    count: z.number(),
    callId: z.string(),
  }),
  /** A session passed its round limit and goes on with a shortened transcript. */
  event('run.continued', { continues: z.number() }),
  /** The host checked what a worker said was done. A first failure goes back to the worker, a second one to its parent. */
  event('contract.checked', { failures: z.array(z.string()) }),
  /** The answer says that things were done which no effect shows: the model is asked once to do or to correct them. */
  event('claims.questioned', { claims: z.array(z.string()) }),
  /** A limit of the run is reached: the model gets one last call, without tools, to say what it has. */
  event('limit.reached', { limit: z.enum(['steps', 'rounds']), count: z.number() }),
  /** A model without tools has read an untrusted text for a call of the run. */
  event('reader.finished', {
    toolCallId: z.string(),
    callId: z.string(),
    model: z.string(),
    usage: Usage,
    costUsd: z.number().optional(),
    durationMs: z.number(),
  }),
  event('artifact.created', {
    artifactId: z.string(),
    name: z.string(),
    bytes: z.number(),
    mediaType: z.string(),
    blob: z.string(),
  }),
  /** A connection of the run's sandbox to the outside, when it ended or was refused. */
  event('egress.connection', {
    connectionId: z.number(),
    scheme: z.string(),
    host: z.string(),
    port: z.number(),
    /** Of plain http, and of https that was looked into. */
    method: z.string().optional(),
    path: z.string().optional(),
    /** Whose credential went along. */
    service: z.string().optional(),
    verdict: z.enum(['open', 'done', 'denied', 'failed', 'cut']),
    reason: z.string(),
    bytesUp: z.number(),
    bytesDown: z.number(),
    startedAt: z.number(),
    finishedAt: z.number(),
  }),
  event('run.waiting', {
    on: z.enum(['approval', 'child', 'budget', 'vault']),
    detail: z.string(),
    deadline: z.number().optional(),
    /** Of `budget`: the cap that is reached. */
    budget: BudgetRefusal.optional(),
    /** Who must act: `person`, `vault`, `run`, `budget`. */
    owner: z.string().optional(),
  }),
  /** A part of a cap was passed. Of the run that passed it, where there is one. */
  event('budget.warned', {
    ...LimitRef.shape,
    percent: z.number(),
    cap: z.number(),
    spent: z.number(),
    text: z.string(),
  }),
  /** Nobody acted until the deadline of a wait. Said once per wait; the run goes on waiting. */
  event('run.overdue', {
    owner: z.string(),
    detail: z.string(),
    since: z.number(),
    deadline: z.number(),
    remedy: z.string(),
  }),
  event('run.finished', {
    state: z.enum(['done', 'failed', 'cancelled', 'asked']),
    result: RunResult,
    error: ErrorInfo.optional(),
  }),
  /** An outbound message reached (or did not reach) its chat. */
  event('message.delivered', {
    outboxId: z.string(),
    messageId: z.string().optional(),
    state: z.enum(['sent', 'not-sent', 'unknown']),
    text: z.string(),
  }),
  event('plan.changed', {
    planId: z.string(),
    title: z.string(),
    state: z.enum(PLAN_STATES),
    done: z.number(),
    steps: z.number(),
  }),
  event('team.changed', { teamId: z.string(), change: z.enum(['created', 'updated', 'removed']) }),
  /** The kill switch. `scope`: an agent, or `*` for all. */
  event('freeze.changed', {
    scope: z.string(),
    frozen: z.boolean(),
    reason: z.string(),
    by: z.string(),
    surface: z.string(),
  }),
  event('agent.changed', {
    agentId: z.string(),
    change: z.enum(['created', 'updated', 'archived', 'restored', 'removed']),
  }),
]);
export type JournalEvent = z.infer<typeof JournalEvent>;
export type JournalEventType = JournalEvent['type'];
export type EventOf<T extends JournalEventType> = Extract<JournalEvent, { type: T }>;

/** A stored event. `seq` is global and strictly increasing; `at` is Unix milliseconds. */
export interface StoredEvent {
  readonly seq: number;
  readonly runId: string | undefined;
  readonly sessionId: string | undefined;
  readonly agentId: string | undefined;
  readonly at: number;
  readonly event: JournalEvent;
}

/** Never stored, lossy by contract: what a screen shows while something is under way. */
export type LiveEvent =
  | { type: 'draft.text'; runId: string; step: number; attempt: number; text: string; offset: number }
  | { type: 'draft.reasoning'; runId: string; step: number; attempt: number; text: string; offset: number }
  | { type: 'draft.reset'; runId: string; step: number; attempt: number }
  | { type: 'tool.output'; runId: string; callId: string; stream: 'stdout' | 'stderr'; text: string }
  | { type: 'tool.progress'; runId: string; callId: string; text: string };
