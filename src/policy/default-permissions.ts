import { Permissions, type SomePermissions } from '../protocol/permission.ts';
import { permissionsFrom } from './meet.ts';

/**
 * What the built-in coordinator may pass on. It holds no tool that acts, so these are bounds of what it can delegate: what
 * it starts is held by its template's own lists, by the floor, and for APIs and credentials by what the owner granted in
 * the vault, which denies by default. A wallet and folders are never its to give.
 */
export const OPERATOR_PERMISSIONS: Permissions = Permissions.parse({
  can_message: ['*'],
  can_publish: ['*'],
  can_subscribe: ['*'],
  blackboard_read: ['*'],
  blackboard_write: ['*'],
  allowed_apis: ['*'],
  allowed_credentials: ['*'],
  can_use_internet: true,
  allowed_hosts: null,
  allowed_egress: null,
  can_use_browser: true,
  browser_actions: null,
  can_spawn: ['*'],
  can_manage_cron: true,
  can_manage_fleet: true,
  can_manage_teams: true,
  can_edit_agent_config: true,
  can_view_fleet_metrics: true,
  can_route_tasks: true,
  can_request_user_credentials: true,
  allowed_skills: ['*'],
  allowed_mcp: ['*'],
});

export interface TemplateBounds {
  /** Places that its sandbox would like to reach. */
  readonly egress?: readonly string[] | undefined;
  /** What it says of itself; the rest is as below. */
  readonly permissions?: SomePermissions | undefined;
}

/**
 * What a worker template asks of its parent. A worker acts by its tools, so the tools that need a permission of their own
 * (the web, APIs with their credentials, the sandbox's way out) have it as far as the parent has; all else must stand in
 * the template.
 */
export function templatePermissions({ egress, permissions }: TemplateBounds): Permissions {
  return permissionsFrom({
    can_use_internet: true,
    allowed_hosts: null,
    allowed_apis: ['*'],
    allowed_credentials: ['*'],
    allowed_egress: [...(egress ?? [])],
    ...permissions,
  });
}
