import { z } from 'zod';
import { EgressPlace } from './egress.ts';
import { Risk } from './tool.ts';

/** `*` stands for any run of characters within the name; everything else is itself. An empty list grants nothing. */
export const Globs = z.array(z.string().min(1).max(200)).max(1_000);
export type Globs = z.infer<typeof Globs>;

const Flag = z.boolean();
/** A folder of this machine, absolute and without `.` or `..`, and how it may be used. */
const GrantedPath = z.strictObject({
  path: z.string().regex(/^\/(?!.*(?:^|\/)\.{1,2}(?:\/|$))/, 'write an absolute path without . and ..'),
  mode: z.enum(['ro', 'rw']),
});

const FIELDS = {
  /** Agents it may write to or hand tasks to. */
  can_message: Globs,
  can_publish: Globs,
  can_subscribe: Globs,
  blackboard_read: Globs,
  blackboard_write: Globs,
  /** Services of the vault's API proxy. */
  allowed_apis: Globs,
  /** Credentials of the agent tier; the system tier cannot be named whatever stands here. */
  allowed_credentials: Globs,
  can_use_internet: Flag,
  /** Hosts it may fetch and browse, as globs. `null`: every public one. Counts only with `can_use_internet` or `can_use_browser`. */
  allowed_hosts: Globs.nullable(),
  /** What its sandboxes may reach, as places of docs/egress.md. `null`: all that the owner's rules in the vault allow it. */
  allowed_egress: z.array(EgressPlace).max(500).nullable(),
  can_use_browser: Flag,
  /** `null` or `["*"]`: every action; `[]`: none. Counts only with `can_use_browser`. */
  browser_actions: Globs.nullable(),
  /** Worker templates it may start. */
  can_spawn: Globs,
  can_manage_cron: Flag,
  can_manage_fleet: Flag,
  can_manage_teams: Flag,
  can_edit_agent_config: Flag,
  can_view_fleet_metrics: Flag,
  can_route_tasks: Flag,
  can_request_user_credentials: Flag,
  can_use_wallet: Flag,
  wallet_allowed_chains: Globs,
  /** Contracts it may call; `[]`: none. */
  wallet_allowed_contracts: Globs,
  wallet_spend_limit_per_tx_usd: z.number().nonnegative().max(1_000_000),
  wallet_spend_limit_daily_usd: z.number().nonnegative().max(10_000_000),
  wallet_rate_limit_per_hour: z.number().int().nonnegative().max(10_000),
  allowed_skills: Globs,
  /** `server` or `server/tool`. */
  allowed_mcp: Globs,
  /** Tools are granted by name, in the agent's or the template's list; what this names is denied all the same. */
  denied_tools: Globs,
  /** The same for a whole class of tools. */
  denied_risks: z.array(Risk),
  /** Folders of the user's it may use without a question. */
  paths: z.array(GrantedPath).max(1_000),
};

/**
 * What one agent (or one run made from it) may do: the seeds' permission matrix. Every field denies unless it grants.
 * A run holds the meet of its agent's permissions, its parent's and the deployment's floor, so a child is never wider.
 */
export const Permissions = z.strictObject({
  can_message: FIELDS.can_message.default([]),
  can_publish: FIELDS.can_publish.default([]),
  can_subscribe: FIELDS.can_subscribe.default([]),
  blackboard_read: FIELDS.blackboard_read.default([]),
  blackboard_write: FIELDS.blackboard_write.default([]),
  allowed_apis: FIELDS.allowed_apis.default([]),
  allowed_credentials: FIELDS.allowed_credentials.default([]),
  can_use_internet: FIELDS.can_use_internet.default(false),
  allowed_hosts: FIELDS.allowed_hosts.default(null),
  allowed_egress: FIELDS.allowed_egress.default([]),
  can_use_browser: FIELDS.can_use_browser.default(false),
  browser_actions: FIELDS.browser_actions.default(null),
  can_spawn: FIELDS.can_spawn.default([]),
  can_manage_cron: FIELDS.can_manage_cron.default(false),
  can_manage_fleet: FIELDS.can_manage_fleet.default(false),
  can_manage_teams: FIELDS.can_manage_teams.default(false),
  can_edit_agent_config: FIELDS.can_edit_agent_config.default(false),
  can_view_fleet_metrics: FIELDS.can_view_fleet_metrics.default(false),
  can_route_tasks: FIELDS.can_route_tasks.default(false),
  can_request_user_credentials: FIELDS.can_request_user_credentials.default(false),
  can_use_wallet: FIELDS.can_use_wallet.default(false),
  wallet_allowed_chains: FIELDS.wallet_allowed_chains.default([]),
  wallet_allowed_contracts: FIELDS.wallet_allowed_contracts.default([]),
  wallet_spend_limit_per_tx_usd: FIELDS.wallet_spend_limit_per_tx_usd.default(10),
  wallet_spend_limit_daily_usd: FIELDS.wallet_spend_limit_daily_usd.default(100),
  wallet_rate_limit_per_hour: FIELDS.wallet_rate_limit_per_hour.default(10),
  allowed_skills: FIELDS.allowed_skills.default([]),
  allowed_mcp: FIELDS.allowed_mcp.default([]),
  denied_tools: FIELDS.denied_tools.default([]),
  denied_risks: FIELDS.denied_risks.default([]),
  paths: FIELDS.paths.default([]),
} satisfies Record<keyof typeof FIELDS, z.ZodType>);
export type Permissions = z.infer<typeof Permissions>;

/** Some of the fields, none with a default: an upper bound (the floor, a template) or a change of an agent's. */
export const SomePermissions = z.strictObject(FIELDS).partial();
export type SomePermissions = z.infer<typeof SomePermissions>;

export const NO_PERMISSIONS: Permissions = Permissions.parse({});
