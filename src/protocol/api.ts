import { z } from 'zod';
import { AgentConfig, AgentStatus, PersonaFile } from './agent.ts';
import { ApprovalCard } from './decision.ts';
import { ERROR_CODES } from './error.ts';
import { JournalEvent } from './event.ts';
import { FreezeScope } from './freeze.ts';
import { GrantChoice, GrantWidth } from './grant.ts';
import { JsonValue } from './json.ts';
import { LaneMode } from './lane-mode.ts';
import { Role } from './people.ts';
import { RunKind, RunResult, RunState } from './run.ts';
import { TotpCode } from './totp.ts';
import { BudgetView, VaultStatus } from './vault-api.ts';

/** Shapes of the host's HTTP API (`/api/…`). The OpenAPI document is made from these same schemas. */
export const AgentView = z.object({
  id: z.string(),
  title: z.string(),
  kind: z.enum(['operator', 'agent']),
  description: z.string(),
  model: z.string(),
  /** True while the built-in simulator answers for it. Shown wherever the agent is. */
  simulated: z.boolean(),
  tools: z.array(z.string()),
  state: z.enum(['idle', 'working', 'waiting']),
  budget: BudgetView.nullable(),
  createdAt: z.number(),
  role: z.string(),
  status: AgentStatus,
  team: z.string().nullable(),
});
export type AgentView = z.infer<typeof AgentView>;

/** `GET /api/agents/{id}/config`: what can be changed of an agent, but the text of its files. */
export const AgentSettings = AgentConfig.extend({
  id: z.string(),
  kind: z.enum(['operator', 'agent']),
  status: AgentStatus,
  /** Send it back with a change, and the change is refused when somebody else was faster. */
  revision: z.number(),
  createdAt: z.number(),
  updatedAt: z.number(),
});
export type AgentSettings = z.infer<typeof AgentSettings>;

/** One persona file. `cap`: most characters of it that a model reads; null: all of it, by another reader. */
export const PersonaFileView = z.object({
  name: PersonaFile,
  text: z.string(),
  cap: z.number().nullable(),
  writable: z.boolean(),
});
export type PersonaFileView = z.infer<typeof PersonaFileView>;

export const PersonaFileVersionView = z.object({
  name: PersonaFile,
  version: z.number(),
  at: z.number(),
  by: z.string(),
  content: z.string(),
});
export type PersonaFileVersionView = z.infer<typeof PersonaFileVersionView>;

export const WorkerTemplateView = z.object({
  id: z.string(),
  title: z.string(),
  description: z.string(),
  tools: z.array(z.string()),
  maxSteps: z.number(),
  timeoutMs: z.number(),
  /** Templates that it may start itself. */
  children: z.array(z.string()),
  /** The owner's own, and so to be changed or removed. */
  own: z.boolean(),
});
export type WorkerTemplateView = z.infer<typeof WorkerTemplateView>;

/** `clientMessageId` makes a repeated POST harmless: the same id is answered with the same message. */
export const SendMessage = z.strictObject({
  text: z.string().min(1).max(200_000),
  clientMessageId: z.string().min(1).max(200).optional(),
  sessionId: z.string().optional(),
  /** Default: the session's own mode. */
  mode: LaneMode.optional(),
});
export type SendMessage = z.infer<typeof SendMessage>;

export const MESSAGE_STATES = ['received', 'running', 'answered', 'refused', 'failed'] as const;
export const MessageView = z.object({
  id: z.string(),
  agentId: z.string(),
  sessionId: z.string(),
  runId: z.string().nullable(),
  /** `host`: Holdfast's own note that a background worker settled. */
  source: z.enum(['user', 'host']),
  state: z.enum(MESSAGE_STATES),
  text: z.string(),
  /** The message whose run takes this one too; both get its answer. */
  mergedInto: z.string().nullable(),
  /** The final answer once `answered`; the reason once `refused` or `failed`. */
  answer: z.string().nullable(),
  /** Its agent is frozen: it is kept, and answered after a resume. In words for people. */
  paused: z.string().optional(),
  error: z.object({ code: z.string(), message: z.string(), remedy: z.string().optional() }).nullable(),
  receivedAt: z.number(),
  finishedAt: z.number().nullable(),
});
export type MessageView = z.infer<typeof MessageView>;

export const SessionView = z.object({
  id: z.string(),
  agentId: z.string(),
  channel: z.string(),
  title: z.string(),
  active: z.boolean(),
  mode: LaneMode,
  createdAt: z.number(),
  lastMessageAt: z.number().nullable(),
});
export type SessionView = z.infer<typeof SessionView>;

export const RunView = z.object({
  id: z.string(),
  kind: RunKind,
  agentId: z.string(),
  sessionId: z.string().nullable(),
  parentRunId: z.string().nullable(),
  template: z.string().nullable(),
  state: RunState,
  /** What a `waiting` run waits for, in words. */
  waitingFor: z.string().nullable(),
  title: z.string(),
  model: z.string(),
  steps: z.number(),
  toolCalls: z.number(),
  costUsd: z.number(),
  result: RunResult.nullable(),
  error: z.object({ code: z.string(), message: z.string(), remedy: z.string().optional() }).nullable(),
  createdAt: z.number(),
  startedAt: z.number().nullable(),
  finishedAt: z.number().nullable(),
});
export type RunView = z.infer<typeof RunView>;

export const EventView = z.object({
  seq: z.number(),
  runId: z.string().nullable(),
  sessionId: z.string().nullable(),
  agentId: z.string().nullable(),
  at: z.number(),
  event: JournalEvent,
});
export type EventView = z.infer<typeof EventView>;

export const ApprovalView = z.object({
  id: z.string(),
  runId: z.string(),
  agentId: z.string(),
  /** The session of the chat that should show the card: the run's own or its root's. */
  sessionId: z.string().nullable(),
  card: ApprovalCard,
  state: z.enum(['pending', 'allowed', 'denied', 'expired']),
  requestedAt: z.number(),
  expiresAt: z.number(),
  decidedBy: z.string().nullable(),
  surface: z.string().nullable(),
  /** The word that answers it, for whoever may; gone once it is answered. */
  nonce: z.string().optional(),
  /** What may be allowed beyond this once, narrowest first. */
  offers: z.array(z.object({ width: GrantWidth, words: z.string() })).optional(),
});
export type ApprovalView = z.infer<typeof ApprovalView>;

export const DecideApproval = z.strictObject({
  decision: z.enum(['allow', 'deny']),
  /** Allow it for longer than this call, as the card offers. */
  grant: GrantChoice.optional(),
});

export const ArtifactView = z.object({
  id: z.string(),
  runId: z.string(),
  name: z.string(),
  bytes: z.number(),
  mediaType: z.string(),
  createdAt: z.number(),
});
export type ArtifactView = z.infer<typeof ArtifactView>;

export const SandboxStatus = z.object({
  launcher: z.string(),
  available: z.boolean(),
  /** The host has just started and is still finding out; `available` is false until then. */
  probing: z.boolean().optional(),
  reason: z.string(),
  remedy: z.string(),
  /** `kernel` or `soft` per limit name. */
  limits: z.record(z.string(), z.string()),
});
export type SandboxStatus = z.infer<typeof SandboxStatus>;

/** A run that is not over and past its deadline: who must act, since when, and what to do. */
export const OverdueView = z.object({
  runId: z.string(),
  agentId: z.string(),
  title: z.string(),
  state: RunState,
  owner: z.string(),
  since: z.number(),
  deadline: z.number(),
  detail: z.string(),
  remedy: z.string(),
});
export type OverdueView = z.infer<typeof OverdueView>;

/** One pull of the kill switch. `scope`: an agent, or `*` for everything. */
export const FrozenView = z.object({
  scope: z.string(),
  reason: z.string(),
  actor: z.string(),
  surface: z.string(),
  at: z.number(),
});
export type FrozenView = z.infer<typeof FrozenView>;

/** `POST /api/freeze`. */
export const FreezeBody = z.strictObject({
  scope: FreezeScope.default('*'),
  reason: z.string().min(1).max(500).default('asked for'),
});
/** `vault`: its doors are shut; `ms`: until everything was cut. */
export const FreezeResult = z.object({
  frozen: FrozenView.array(),
  vault: z.boolean(),
  runs: z.number(),
  ms: z.number(),
});
export type FreezeResult = z.infer<typeof FreezeResult>;

/** `POST /api/freeze/resume`: with the owner's code, or after the vault was told at the owner's terminal. */
export const ResumeBody = z.strictObject({
  scope: FreezeScope.default('*'),
  code: TotpCode.shape.code.optional(),
});

export const StatusView = z.object({
  version: z.string(),
  pid: z.number(),
  startedAt: z.number(),
  home: z.string(),
  url: z.string(),
  state: z.enum(['ok', 'degraded']),
  /** One sentence each, with the remedy. */
  problems: z.array(z.string()),
  /** Budgets that are half used up or more, one sentence each. */
  budgetWarnings: z.array(z.string()).optional(),
  model: z.string(),
  simulated: z.boolean(),
  vault: VaultStatus.nullable(),
  sandbox: SandboxStatus,
  runs: z.object({ active: z.number(), waiting: z.number() }),
  /** Open runs past the time until which somebody had to act, longest first. */
  overdue: OverdueView.array(),
  pendingApprovals: z.number(),
  agents: z.number(),
  lastSeq: z.number(),
  /** What is frozen now. */
  frozen: z.array(FrozenView).optional(),
  /** Rows of the audit, those that no anchor attests yet, and for how long the oldest of them has waited. */
  audit: z
    .object({ rows: z.number(), unanchored: z.number(), unanchoredForMs: z.number(), outside: z.boolean() })
    .optional(),
});
export type StatusView = z.infer<typeof StatusView>;

export const TokenRequest = z.strictObject({ note: z.string().max(200).default('') });
export const TokenView = z.object({
  id: z.string(),
  note: z.string(),
  createdAt: z.number(),
  lastUsedAt: z.number().nullable(),
});
export type TokenView = z.infer<typeof TokenView>;
/** The only time the token itself is shown; it is stored hashed. */
export const NewToken = TokenView.extend({ token: z.string() });
export type NewToken = z.infer<typeof NewToken>;

/** `POST /api/sessions`. */
export const CreateSession = z.strictObject({ agentId: z.string().min(1).max(64) });
export type CreateSession = z.infer<typeof CreateSession>;

/** `POST /api/login-links` (only over the host's unix socket): a link that signs one browser in, once. */
export const LoginLink = z.object({ url: z.string(), expiresAt: z.number() });
export type LoginLink = z.infer<typeof LoginLink>;

/**
 * `GET /api/session`: who is signed in. A browser sends `csrf` back as the header `x-holdfast-csrf` with every POST and
 * DELETE; callers without a cookie have none.
 */
export const LoginView = z.object({
  principal: z.object({ id: z.string(), surface: z.string() }),
  /** Whose rights it has. */
  person: z.string(),
  role: Role,
  csrf: z.string().nullable(),
  expiresAt: z.number().nullable(),
});
export type LoginView = z.infer<typeof LoginView>;

/** The body of every refusal (`ErrorShape`). */
export const ErrorReply = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  remedy: z.string().optional(),
  details: z.record(z.string(), z.unknown()).optional(),
  retryable: z.boolean().optional(),
  retryAfterMs: z.number().optional(),
});
export type ErrorReply = z.infer<typeof ErrorReply>;

/** Most rows any list of the API gives back. */
export const MAX_LIST = 500;

export const DoctorProbe = z.object({
  name: z.string(),
  ok: z.boolean(),
  detail: z.string(),
  remedy: z.string(),
  durationMs: z.number(),
});
export type DoctorProbe = z.infer<typeof DoctorProbe>;

/**
 * WebSocket `/api/events?after=<seq>&sessionId=&runId=`: first everything stored after `seq`, then `{type:'caught-up'}`,
 * then events as they happen. Stored events may be resumed by `seq`; live ones are lossy.
 */
export const StreamMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('event'), event: EventView }),
  z.object({ type: z.literal('live'), live: JsonValue }),
  z.object({ type: z.literal('caught-up'), seq: z.number() }),
  z.object({ type: z.literal('error'), code: z.string(), message: z.string() }),
]);
export type StreamMessage = z.infer<typeof StreamMessage>;
