import { NO_PERMISSIONS, Permissions, type SomePermissions } from '../protocol/permission.ts';
import type { Risk } from '../protocol/tool.ts';
import { meetPlaces } from './egress.ts';
import { meetGlobs, tidyGlobs } from './glob.ts';
import { isWithin } from './paths.ts';

/**
 * What holds where both sides hold: a child's permissions are the meet of its own and its parent's, so it can never be
 * wider. Commutative and idempotent up to spelling (`tidyPermissions`). Every field is met by its own rule; a field
 * without one does not compile.
 */
export function meet(a: Permissions, b: Permissions): Permissions {
  return Object.freeze(combine(a, b));
}

/** The same with an upper bound of which only some fields are named. */
export function meetSome(permissions: Permissions, atMost: SomePermissions): Permissions {
  return meet(permissions, { ...permissions, ...named(atMost) });
}

/** One spelling for everything that means the same: lists sorted, what another entry covers left out. */
export const tidyPermissions = (permissions: Permissions): Permissions => meet(permissions, permissions);

/** Whether `inner` grants nothing that `outer` does not. */
export function isWithinPermissions(inner: Permissions, outer: Permissions): boolean {
  return widerFields(inner, outer).length === 0;
}

/** The fields in which `inner` grants more than `outer`. */
export function widerFields(inner: Permissions, outer: Permissions): readonly (keyof Permissions)[] {
  const own = tidyPermissions(inner);
  const both = meet(inner, outer);
  return PERMISSION_FIELDS.filter((field) => JSON.stringify(own[field]) !== JSON.stringify(both[field]));
}

/** All fields of the matrix, as the schema has them. */
export const PERMISSION_FIELDS: readonly (keyof Permissions)[] = Permissions.keyof().options;

const MOST_ENTRIES = 1_000;

const globs = (a: readonly string[], b: readonly string[]): string[] => meetGlobs(a, b, MOST_ENTRIES);
const both = (a: boolean, b: boolean): boolean => a && b;

/** `null` grants everything of its kind. */
function orNull<T>(a: T | null, b: T | null, meetBoth: (a: T, b: T) => T): T | null {
  if (a === null) return b === null ? null : meetBoth(b, b);
  return meetBoth(a, b ?? a);
}

function combine(a: Permissions, b: Permissions): Permissions {
  return {
    can_message: globs(a.can_message, b.can_message),
    can_publish: globs(a.can_publish, b.can_publish),
    can_subscribe: globs(a.can_subscribe, b.can_subscribe),
    blackboard_read: globs(a.blackboard_read, b.blackboard_read),
    blackboard_write: globs(a.blackboard_write, b.blackboard_write),
    allowed_apis: globs(a.allowed_apis, b.allowed_apis),
    allowed_credentials: globs(lower(a.allowed_credentials), lower(b.allowed_credentials)),
    can_use_internet: both(a.can_use_internet, b.can_use_internet),
    allowed_hosts: orNull(a.allowed_hosts, b.allowed_hosts, (one, other) => globs(lower(one), lower(other))),
    allowed_egress: orNull(a.allowed_egress, b.allowed_egress, meetPlaces),
    can_use_browser: both(a.can_use_browser, b.can_use_browser),
    browser_actions: orNull(a.browser_actions, b.browser_actions, globs),
    can_spawn: globs(a.can_spawn, b.can_spawn),
    can_manage_cron: both(a.can_manage_cron, b.can_manage_cron),
    can_manage_fleet: both(a.can_manage_fleet, b.can_manage_fleet),
    can_manage_teams: both(a.can_manage_teams, b.can_manage_teams),
    can_edit_agent_config: both(a.can_edit_agent_config, b.can_edit_agent_config),
    can_view_fleet_metrics: both(a.can_view_fleet_metrics, b.can_view_fleet_metrics),
    can_route_tasks: both(a.can_route_tasks, b.can_route_tasks),
    can_request_user_credentials: both(a.can_request_user_credentials, b.can_request_user_credentials),
    can_use_wallet: both(a.can_use_wallet, b.can_use_wallet),
    wallet_allowed_chains: globs(a.wallet_allowed_chains, b.wallet_allowed_chains),
    wallet_allowed_contracts: globs(a.wallet_allowed_contracts, b.wallet_allowed_contracts),
    wallet_spend_limit_per_tx_usd: Math.min(a.wallet_spend_limit_per_tx_usd, b.wallet_spend_limit_per_tx_usd),
    wallet_spend_limit_daily_usd: Math.min(a.wallet_spend_limit_daily_usd, b.wallet_spend_limit_daily_usd),
    wallet_rate_limit_per_hour: Math.min(a.wallet_rate_limit_per_hour, b.wallet_rate_limit_per_hour),
    allowed_skills: globs(a.allowed_skills, b.allowed_skills),
    allowed_mcp: globs(a.allowed_mcp, b.allowed_mcp),
    denied_tools: eitherDenies(a.denied_tools, b.denied_tools),
    denied_risks: [...new Set<Risk>([...a.denied_risks, ...b.denied_risks])].sort(),
    paths: meetPaths(a.paths, b.paths),
  };
}

const lower = (list: readonly string[]): string[] => list.map((entry) => entry.toLowerCase());

/** More names than a list may hold: then every tool is denied, never some of them forgotten. */
function eitherDenies(a: readonly string[], b: readonly string[]): string[] {
  const all = tidyGlobs([...a, ...b]);
  return all.length > MOST_ENTRIES ? ['*'] : [...all];
}

type Paths = Permissions['paths'];

function meetPaths(a: Paths, b: Paths): Paths {
  const pairs = a.flatMap((one) =>
    b.flatMap((other) => {
      const path = isWithin(one.path, other.path) ? one.path : isWithin(other.path, one.path) ? other.path : undefined;
      if (path === undefined) return [];
      return [{ path, mode: one.mode === 'rw' && other.mode === 'rw' ? ('rw' as const) : ('ro' as const) }];
    }),
  );
  const text = (entry: Paths[number]): string => `${entry.path} ${entry.mode}`;
  const distinct = [...new Map(pairs.map((entry) => [text(entry), entry])).values()];
  return distinct
    .filter((entry) => !distinct.some((wide) => wide !== entry && coversPath(wide, entry)))
    .sort((one, other) => (text(one) < text(other) ? -1 : 1))
    .slice(0, MOST_ENTRIES);
}

const coversPath = (wide: Paths[number], entry: Paths[number]): boolean =>
  isWithin(entry.path, wide.path) && (wide.mode === 'rw' || entry.mode === 'ro');

/** Without the fields that are present but undefined. */
function named(some: SomePermissions): Partial<Permissions> {
  return Object.fromEntries(Object.entries(some).filter(([, value]) => value !== undefined));
}

/** An agent's permissions from those of its fields that are written down: the rest grants nothing. */
export const permissionsFrom = (some: SomePermissions): Permissions => ({ ...NO_PERMISSIONS, ...named(some) });
