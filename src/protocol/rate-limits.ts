import { z } from 'zod';

const PerMinute = z.number().int().min(1).max(1_000_000);

/**
 * How often in a minute. The seeds' figures, for one agent or one caller: guards against what runs away, not against a
 * patient attacker. A key is a name or a glob; the most specific one holds (a name, then the longest glob).
 */
export const RateLimits = z.strictObject({
  /** Tools, per agent. */
  tools: z.record(z.string().min(1).max(200), PerMinute).default({}),
  /** Routes, per caller: `<METHOD> <path>`. */
  endpoints: z.record(z.string().min(1).max(300), PerMinute).default({}),
});
export type RateLimits = z.infer<typeof RateLimits>;

export const TOOL_RATES: Readonly<Record<string, number>> = {
  '*': 10_000,
  web_fetch: 6_000,
  spawn_worker: 600,
  answer_worker: 3_000,
  send_message: 300,
  ask_agent: 20,
  ask_teammate: 20,
  notify_user: 3_000,
  'create_task*': 300,
  hand_off: 300,
  'read_blackboard*': 20_000,
  'list_blackboard*': 20_000,
  'write_blackboard*': 10_000,
  publish_event: 20_000,
  'set_cron*': 1_000,
  'create_schedule*': 1_000,
  'install_skill*': 100,
  'skill_install*': 100,
  'wallet_*': 6_000,
  'wallet_transfer*': 600,
  'wallet_execute*': 600,
  'generate_image*': 600,
  'vault_*': 600,
  save_artifact: 3_000,
};

export const ENDPOINT_RATES: Readonly<Record<string, number>> = {
  '* *': 10_000,
  'GET /api/events': 600,
  'POST /api/agents/*/messages': 3_000,
  'POST /api/doctor': 30,
  'POST /api/database-copies': 10,
  'POST /api/login-links': 60,
  'POST /api/tokens': 600,
  'POST /api/credentials*': 600,
  'POST /api/policy/try': 30,
};
