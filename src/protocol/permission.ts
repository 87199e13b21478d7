import { z } from 'zod';

/** `*` stands for any run of characters within the name; everything else is itself. An empty list grants nothing. */
export const Globs = z.array(z.string().min(1).max(200)).max(1_000);
export type Globs = z.infer<typeof Globs>;

/**
 * What one agent (or one run made from it) may do: the seeds' permission matrix. Every field denies unless it grants.
 * A run holds the meet of its agent's permissions, its parent's and the deployment's floor, so a child is never wider.
 */
export const Permissions = z.strictObject({
  /** Agents it may write to or hand tasks to. */
  can_message: Globs.default([]),
  can_publish: Globs.default([]),
  can_subscribe: Globs.default([]),
  blackboard_read: Globs.default([]),
  blackboard_write: Globs.default([]),
  /** Services of the vault's API proxy. */
  allowed_apis: Globs.default([]),
  /** Credentials of the agent tier; the system tier cannot be named whatever stands here. */
  allowed_credentials: Globs.default([]),
  can_use_internet: z.boolean().default(false),
  can_use_browser: z.boolean().default(false),
  /** `null` or `["*"]`: every action; `[]`: none. Counts only with `can_use_browser`. */
  browser_actions: Globs.nullable().default(null),
  /** Worker templates it may start. */
  can_spawn: Globs.default([]),
  can_manage_cron: z.boolean().default(false),
  can_manage_fleet: z.boolean().default(false),
  can_manage_teams: z.boolean().default(false),
  can_edit_agent_config: z.boolean().default(false),
  can_view_fleet_metrics: z.boolean().default(false),
  can_route_tasks: z.boolean().default(false),
  can_request_user_credentials: z.boolean().default(false),
  can_use_wallet: z.boolean().default(false),
  wallet_allowed_chains: Globs.default([]),
  /** Contracts it may call; `[]`: none. */
  wallet_allowed_contracts: Globs.default([]),
  wallet_spend_limit_per_tx_usd: z.number().nonnegative().max(1_000_000).default(10),
  wallet_spend_limit_daily_usd: z.number().nonnegative().max(10_000_000).default(100),
  wallet_rate_limit_per_hour: z.number().int().nonnegative().max(10_000).default(10),
  allowed_skills: Globs.default([]),
  /** `server` or `server/tool`. */
  allowed_mcp: Globs.default([]),
  /** Tool names beyond those the agent's template lists are never granted by this; what it denies is denied. */
  denied_tools: Globs.default([]),
  /** Folders of the user's it may use without a question. */
  paths: z.array(z.strictObject({ path: z.string().min(1), mode: z.enum(['ro', 'rw']) })).default([]),
});
export type Permissions = z.infer<typeof Permissions>;

export const NO_PERMISSIONS: Permissions = Permissions.parse({});
