import { z } from 'zod';

export const RUN_KINDS = ['chat', 'worker', 'task', 'heartbeat', 'cron', 'webhook'] as const;
export const RunKind = z.enum(RUN_KINDS);
export type RunKind = z.infer<typeof RunKind>;

/**
 * `queued` → `running` ⇄ `waiting` → one terminal state. `waiting` always says on what (see `run.waiting`).
 * `asked`: the worker ended with a question to its parent; an answer sets it running again.
 */
export const RUN_STATES = ['queued', 'running', 'waiting', 'asked', 'done', 'failed', 'cancelled'] as const;
export const RunState = z.enum(RUN_STATES);
export type RunState = z.infer<typeof RunState>;

export const TERMINAL_RUN_STATES: readonly RunState[] = ['done', 'failed', 'cancelled'];
export const isTerminal = (state: RunState): boolean => TERMINAL_RUN_STATES.includes(state);

/** Limits of one run. The defaults are the seeds'. */
export const RunLimits = z.object({
  /** Model steps in a task or worker run. */
  taskSteps: z.number().int().min(1).max(500).default(20),
  /** Tool rounds in one chat turn. */
  chatRounds: z.number().int().min(1).max(500).default(30),
  /** Tool rounds in one session before a person must go on. */
  sessionRounds: z.number().int().min(1).max(10_000).default(200),
  /** Messages of one agent that may wait for their turn; more are refused. */
  queuedMessages: z.number().int().min(1).max(10_000).default(100),
  /** How often a session that used its rounds starts their count anew before it is closed. */
  autoContinues: z.number().int().min(0).max(50).default(5),
  /** Steps without a new effect, result or text after which a run stops. */
  noProgressSteps: z.number().int().min(2).max(100).default(8),
  /** Wall time of one worker run in milliseconds, the time with an open question to its parent excluded. */
  workerTimeoutMs: z.number().int().min(1_000).max(14_400_000).default(600_000),
  /** A run at work without any sign of progress for so long is started again; never less than a tool call may take. */
  stallMs: z.number().int().min(1_000).max(86_400_000).default(600_000),
  /** Wall time of one tool call in milliseconds. */
  toolTimeoutMs: z.number().int().min(100).max(3_600_000).default(300_000),
  /** Output tokens asked for per model call. */
  maxOutputTokens: z.number().int().min(256).max(200_000).default(16_384),
});
export type RunLimits = z.infer<typeof RunLimits>;

/** Something that an answer says was done. `effectId`: what did it; null: no effect of the ledger supports it. */
export const CheckedClaim = z.object({ text: z.string(), effectId: z.string().nullable() });
export type CheckedClaim = z.infer<typeof CheckedClaim>;

/** What a worker or task brings back to whoever started it. */
export const RunResult = z.object({
  kind: z.enum(['result', 'question', 'error']),
  text: z.string(),
  artifacts: z.array(z.object({ id: z.string(), name: z.string(), bytes: z.number() })).default([]),
  claims: z.array(CheckedClaim).optional(),
});
export type RunResult = z.infer<typeof RunResult>;
