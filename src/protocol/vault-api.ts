import { z } from 'zod';
import { KeyHealthView } from './key-health.ts';
import { ProviderAuth, ProviderId, WireFormat } from './provider.ts';

/**
 * The vault's HTTP/1.1 interface over two unix sockets in `<home>/run` (file names in `base/home.ts`):
 *
 * - `vault-owner.sock`: the owner's own programs (CLI, supervisor). Everything below.
 * - `vault-host.sock`: the host. Only `GET /status`, `POST /model/…`, `GET /calls/:callId`, `POST /fetch`,
 *   `GET /budgets` and the host's routes of `budget.ts`, `GET /models/<provider>/<model>`, and the way out of sandboxes (`egress.ts`): `GET /egress-rules/:agent`,
 *   `POST`, `GET /egress-doors`, `DELETE /egress-doors/:run`, `GET /egress-denials`, `GET /egress-connections`;
 *   of the audit (`audit.ts`): `GET /audit-heads/:chain`, `POST /audit-heads`, `GET /audit-events`.
 *
 * Errors are `ErrorShape` JSON with a fitting HTTP status, except on `/model/…`, where the body is an error of the
 * caller's wire format and `ErrorShape` comes in the header `x-holdfast-error` (base64url JSON).
 *
 * Model calls: `POST /model/<provider>/<path of the wire format>`, e.g. `/model/openai/chat/completions`,
 * `/model/anthropic/messages`, `/model/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse`. The caller's own
 * key header is ignored and replaced. An optional loopback TCP listener serves the same `/model/…` routes for programs
 * that hold a caller token (`POST /callers`), sent where their SDK puts its API key.
 */
export const CALL_HEADERS = {
  /** AgentId whose budget pays. Required on the host socket. */
  agent: 'x-holdfast-agent',
  run: 'x-holdfast-run',
  /** The task that the run works on; a run stays with the one it named first. */
  task: 'x-holdfast-task',
  /** Unique per attempt: charges are keyed by it and settled once. Required on the host socket. */
  call: 'x-holdfast-call',
  error: 'x-holdfast-error',
} as const;

/** USD per million tokens. `cacheRead`/`cacheWrite` default to `input` (never below the true cost). */
export const Price = z.strictObject({
  input: z.number().nonnegative(),
  output: z.number().nonnegative(),
  cacheRead: z.number().nonnegative().optional(),
  cacheWrite: z.number().nonnegative().optional(),
});
export type Price = z.infer<typeof Price>;

/** `PUT /providers/:id` (owner). The key itself is `PUT /secrets/provider.<id>` with the raw value as body. */
export const ProviderSetting = z.strictObject({
  wire: WireFormat,
  baseUrl: z.url(),
  /** Absent: as the wire format has it. */
  auth: ProviderAuth.optional(),
  /** AWS region, where the address does not name it. */
  region: z
    .string()
    .regex(/^[a-z]{2}(?:-[a-z]+)+-\d$/, 'a region such as us-east-1')
    .optional(),
  /** Provider key of the vendored price data, if the preset has one. */
  pricesAs: z.string().optional(),
  /** Overrides per model id; `*` stands for every model of this provider. */
  prices: z.record(z.string(), Price).default({}),
  /** Context window in tokens per model id; `*` stands for every model. */
  contextWindows: z.record(z.string(), z.number().int().positive()).default({}),
  defaultModel: z.string().optional(),
  /** Set for the built-in simulator; shown in every surface. */
  simulator: z.boolean().default(false),
});
export type ProviderSetting = z.infer<typeof ProviderSetting>;

/** `PUT /budgets/:agent` (owner; `*` = the default for agents without their own). USD; `null` = no cap. */
export const BudgetCaps = z.strictObject({
  dailyUsd: z.number().nonnegative().nullable(),
  monthlyUsd: z.number().nonnegative().nullable(),
});
export type BudgetCaps = z.infer<typeof BudgetCaps>;

export const DEFAULT_BUDGET: BudgetCaps = { dailyUsd: 5, monthlyUsd: 50 };

export const BudgetView = z.object({
  agent: z.string(),
  caps: BudgetCaps,
  /** Settled plus reserved, in USD; days and months are UTC. */
  spentTodayUsd: z.number(),
  spentThisMonthUsd: z.number(),
  reservedUsd: z.number(),
  callsToday: z.number(),
});
export type BudgetView = z.infer<typeof BudgetView>;

/** `GET /status`. */
export const VaultStatus = z.object({
  version: z.string(),
  pid: z.number(),
  locked: z.boolean(),
  /** `permission-model` when started under Node's, `own-user` when under its own OS user too. */
  confinement: z.array(z.string()),
  keySource: z.enum(['key-file', 'passphrase', 'keychain']),
  providers: z.array(
    z.object({
      id: ProviderId,
      wire: WireFormat,
      baseUrl: z.string(),
      hasKey: z.boolean(),
      needsKey: z.boolean(),
      /** How many keys it has. */
      keys: z.number().optional(),
      defaultModel: z.string().optional(),
      simulator: z.boolean(),
    }),
  ),
  /** Keys that are put aside for a while. */
  keyHealth: z.array(KeyHealthView).optional(),
  priceData: z.object({ date: z.string(), source: z.string(), models: z.number() }),
  /** Port of the loopback listener for caller tokens, when it is on. */
  tcpPort: z.number().optional(),
});
export type VaultStatus = z.infer<typeof VaultStatus>;

/** `GET /calls/:callId`: the ledger row of one model call. */
export const CallRecord = z.object({
  callId: z.string(),
  agent: z.string(),
  team: z.string().nullable().default(null),
  run: z.string().nullable(),
  task: z.string().nullable().default(null),
  provider: z.string(),
  model: z.string(),
  /** The name of the key it was made with. */
  key: z.string().nullable().optional(),
  state: z.enum(['reserved', 'settled', 'estimated', 'released']),
  reservedUsd: z.number(),
  costUsd: z.number(),
  /** Charged: as reported, or the most that were possible. */
  tokens: z.number().default(0),
  inputTokens: z.number().nullable(),
  outputTokens: z.number().nullable(),
  cachedInputTokens: z.number().nullable(),
  reasoningTokens: z.number().nullable(),
  startedAt: z.number(),
  finishedAt: z.number().nullable(),
});
export type CallRecord = z.infer<typeof CallRecord>;

/** `POST /fetch` (host): one GET on an agent's behalf behind the SSRF wall. Redirects are followed and re-checked. */
/** Hosts as globs, lower case. The host can only narrow with it: what the wall refuses stays refused. */
export const FetchHosts = z.strictObject({
  /** Null: every public one. */
  allow: z.array(z.string().max(400)).max(2_000).nullable(),
  deny: z.array(z.string().max(400)).max(10_000),
});
export type FetchHosts = z.infer<typeof FetchHosts>;

export const FetchRequest = z.strictObject({
  agent: z.string(),
  run: z.string().optional(),
  url: z.string(),
  /** Checked at every hop of a redirect. */
  hosts: FetchHosts.optional(),
  /** Bytes of body kept; the rest is cut. */
  maxBytes: z.number().int().positive().max(52_428_800).default(5_242_880),
  timeoutMs: z.number().int().positive().max(300_000).default(30_000),
});
export type FetchRequest = z.infer<typeof FetchRequest>;

/** The answer's head comes in the header `x-holdfast-fetch` (base64url JSON of this), the body as the raw bytes. */
export const FetchHead = z.object({
  status: z.number(),
  finalUrl: z.string(),
  contentType: z.string(),
  truncated: z.boolean(),
});
export type FetchHead = z.infer<typeof FetchHead>;

/** `PUT /egress-exceptions/:agent` (owner): private addresses this agent may reach with web_fetch. Replaces the list. */
export const EgressExceptions = z.strictObject({
  hosts: z.array(z.strictObject({ host: z.string().min(1), port: z.number().int().min(1).max(65_535) })),
});
export type EgressExceptions = z.infer<typeof EgressExceptions>;

/** `POST /callers` (owner): a token for a program that uses the loopback model endpoint on an agent's budget. */
export const CallerRequest = z.strictObject({ agent: z.string(), note: z.string().default('') });
export const CallerToken = z.object({ id: z.string(), token: z.string(), agent: z.string() });

export const CallerView = z.object({ id: z.string(), agent: z.string(), note: z.string(), createdAt: z.number() });
export type CallerToken = z.infer<typeof CallerToken>;
export type CallerView = z.infer<typeof CallerView>;

/** `GET /models/<provider>/<model>`: what the vault knows of a model. `null` = not known; an unpriced model is refused. */
export const ModelFacts = z.object({
  provider: z.string(),
  model: z.string(),
  contextWindow: z.number().nullable(),
  maxOutput: z.number().nullable(),
  price: Price.nullable(),
});
export type ModelFacts = z.infer<typeof ModelFacts>;

/**
 * `POST /unlock` (owner): body is the raw passphrase, or the 32 raw bytes of the master key when the OS keychain keeps it.
 * `PUT /passphrase` and `PUT /keychain-key` (owner, same bodies) seal everything anew under the one given.
 */
export const SecretName = z.string().regex(/^[A-Za-z0-9_.-]{1,128}$/, 'use 1 to 128 of A-Z a-z 0-9 _ . -');
/** Largest secret in characters, as in the seed. */
export const MAX_SECRET_CHARS = 10_000;
