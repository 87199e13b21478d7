import { z } from 'zod';
import { ERROR_CODES } from './error.ts';

/**
 * Budgets: what a scope may use of a dimension within a window. A call belongs to up to five scopes at once (the org, the
 * team of its agent, the agent, the run, the task), and every cap of every one of them holds. Only the owner's socket
 * changes caps and teams.
 *
 * Owner: `GET /limits`, `PUT /limits` (one `BudgetLimit`), `DELETE /limits?kind=…&id=…&dimension=…&window=…` (back to the
 * default), `PUT /agent-teams/:agent`. Host: `GET /spending`, `GET /budget-warnings?after=N`, `POST /budget-room`, `POST /wall-time`.
 */
export const BUDGET_SCOPES = ['org', 'team', 'agent', 'run', 'task'] as const;
export const BudgetScopeKind = z.enum(BUDGET_SCOPES);
export type BudgetScopeKind = z.infer<typeof BudgetScopeKind>;

export const BUDGET_DIMENSIONS = ['usd', 'tokens', 'calls', 'egressBytes', 'wallMs'] as const;
export const BudgetDimension = z.enum(BUDGET_DIMENSIONS);
export type BudgetDimension = z.infer<typeof BudgetDimension>;

/** Days and months are UTC; `total` never begins anew. */
export const BUDGET_WINDOWS = ['day', 'month', 'total'] as const;
export const BudgetWindow = z.enum(BUDGET_WINDOWS);
export type BudgetWindow = z.infer<typeof BudgetWindow>;

/** Of the org scope, of which there is one. */
export const ORG_ID = 'org';
/** As an id: every scope of the kind that has no cap of its own. */
export const EVERY_ID = '*';

export const ScopeId = z.string().regex(/^[\x21-\x7e]{1,200}$/, 'use 1 to 200 printable characters without spaces');

const limitFields = { kind: BudgetScopeKind, id: ScopeId, dimension: BudgetDimension, window: BudgetWindow };
export const LimitRef = z.object(limitFields);
export type LimitRef = z.infer<typeof LimitRef>;

/** `cap` in USD, tokens, calls, bytes or milliseconds; `null`: expressly none, also where `*` has one. */
export const BudgetLimit = z.strictObject({ ...limitFields, cap: z.number().nonnegative().max(9e15).nullable() });
export type BudgetLimit = z.infer<typeof BudgetLimit>;

export const AgentTeam = z.strictObject({ team: ScopeId.nullable() });

/** One dimension of one scope: settled plus reserved, and the caps that hold. */
export const DimensionView = z.object({
  dimension: BudgetDimension,
  day: z.number(),
  month: z.number(),
  total: z.number(),
  reserved: z.number(),
  caps: z.object({ day: z.number().nullable(), month: z.number().nullable(), total: z.number().nullable() }),
});
export type DimensionView = z.infer<typeof DimensionView>;

export const ScopeView = z.object({
  kind: BudgetScopeKind,
  id: z.string(),
  /** Of an agent. */
  team: z.string().nullable(),
  dimensions: z.array(DimensionView),
});
export type ScopeView = z.infer<typeof ScopeView>;

/** `GET /spending`. */
export const SpendingView = z.object({ scopes: z.array(ScopeView), limits: z.array(BudgetLimit) });
export type SpendingView = z.infer<typeof SpendingView>;

export const WARNING_PERCENTS = [50, 80, 100] as const;

/** A part of a cap was passed; once per window and cap. */
export const BudgetWarning = LimitRef.extend({
  seq: z.number(),
  percent: z.union([z.literal(50), z.literal(80), z.literal(100)]),
  cap: z.number(),
  spent: z.number(),
  /** Unix milliseconds; 0 for `total`. */
  windowStart: z.number(),
  /** Whose call passed it. */
  agent: z.string(),
  run: z.string().nullable(),
  at: z.number(),
});
export type BudgetWarning = z.infer<typeof BudgetWarning>;

/** `last`: the number of the newest there is; smaller than one seen before: the vault was set up anew. */
export const BudgetWarnings = z.object({ warnings: z.array(BudgetWarning), last: z.number() });
export type BudgetWarnings = z.infer<typeof BudgetWarnings>;

/** Why something was not let through; in the `details` of `budget.exceeded`. */
export const BudgetRefusal = LimitRef.extend({
  cap: z.number(),
  /** Settled plus reserved. */
  spent: z.number(),
  needed: z.number(),
  /** True when calls under way hold what is missing, so that it may come back without anybody raising the cap. */
  temporary: z.boolean(),
  /** When the window begins anew; `null` for `total`. */
  resetsAt: z.number().nullable(),
});
export type BudgetRefusal = z.infer<typeof BudgetRefusal>;

const Payer = { agent: z.string(), run: ScopeId.optional(), task: ScopeId.optional() };

/** `POST /budget-room`: answers once this much fits into every cap, or after `waitMs`. Nothing is reserved by it. */
export const RoomRequest = z.strictObject({
  ...Payer,
  needs: z.strictObject({
    usd: z.number().nonnegative().optional(),
    tokens: z.number().nonnegative().optional(),
    calls: z.number().nonnegative().optional(),
    egressBytes: z.number().nonnegative().optional(),
    wallMs: z.number().nonnegative().optional(),
  }),
  waitMs: z.number().int().min(0).max(60_000).default(20_000),
});
export type RoomRequest = z.infer<typeof RoomRequest>;

const Refused = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  remedy: z.string().optional(),
  details: BudgetRefusal,
});

export const RoomAnswer = z.object({ fits: z.boolean(), refusal: Refused.optional() });
export type RoomAnswer = z.infer<typeof RoomAnswer>;

/** `POST /wall-time`: time that a run is about to use. It can only be added to; the same `id` of a run counts once. */
export const WallTimeRequest = z.strictObject({
  ...Payer,
  run: ScopeId,
  addMs: z.number().int().positive().max(600_000),
  id: z.string().min(1).max(100),
  /** It was used already: counted whatever the caps say. */
  used: z.boolean().default(false),
});
export type WallTimeRequest = z.infer<typeof WallTimeRequest>;

export const WallTimeAnswer = z.object({ granted: z.boolean(), refusal: Refused.optional() });
export type WallTimeAnswer = z.infer<typeof WallTimeAnswer>;

/** `team research`, `agent operator`, `the whole installation`, `every run`. */
export function scopeWords({ kind, id }: Pick<LimitRef, 'kind' | 'id'>): string {
  if (kind === 'org') return 'the whole installation';
  return id === EVERY_ID ? `every ${kind} without a cap of its own` : `${kind} ${id}`;
}

const UNITS: Readonly<Record<Exclude<BudgetDimension, 'usd' | 'wallMs' | 'egressBytes'>, string>> = {
  tokens: 'tokens',
  calls: 'calls',
};

/** An amount with its unit: `$1.25`, `12,000 tokens`, `3.5 MB`, `90 s`. */
export function amountWords(dimension: BudgetDimension, amount: number): string {
  if (dimension === 'usd') return `$${amount.toFixed(amount !== 0 && amount < 0.1 ? 4 : 2)}`;
  if (dimension === 'wallMs')
    return amount < 7_200_000 ? `${round(amount / 1_000)} s` : `${round(amount / 3_600_000)} h`;
  if (dimension === 'egressBytes') return bytesWords(amount);
  const count = Math.round(amount);
  return `${count.toLocaleString('en-US')} ${count === 1 ? UNITS[dimension].slice(0, -1) : UNITS[dimension]}`;
}

export const DIMENSION_WORDS: Readonly<Record<BudgetDimension, string>> = {
  usd: 'money',
  tokens: 'tokens',
  calls: 'model calls',
  egressBytes: 'network traffic',
  wallMs: 'running time',
};

export const WINDOW_WORDS: Readonly<Record<BudgetWindow, string>> = { day: 'daily', month: 'monthly', total: 'total' };

/** How `holdfast budget` names a scope. */
export function scopeArgument({ kind, id }: Pick<LimitRef, 'kind' | 'id'>): string {
  if (kind === 'org') return 'org';
  return kind === 'agent' ? id : `${kind}:${id}`;
}

function bytesWords(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  if (bytes < 1_000_000) return `${round(bytes / 1_000)} kB`;
  return bytes < 1_000_000_000 ? `${round(bytes / 1_000_000)} MB` : `${round(bytes / 1_000_000_000)} GB`;
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}
