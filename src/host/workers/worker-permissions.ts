import { NO_PERMISSIONS, type Permissions } from '../../protocol/permission.ts';
import type { WorkerTemplate } from './templates.ts';

/** Tools that read or change something outside this machine. */
const WEB_TOOLS = /^(?:web_|http_|browser_|download_)/;

export function reachesWeb(template: WorkerTemplate): boolean {
  if (template.internet !== undefined) return template.internet;
  return (
    template.egress !== undefined || [...template.tools, ...template.optional_tools].some((t) => WEB_TOOLS.test(t))
  );
}

/**
 * What a worker may do: what its parent may, and of that only what its template is for. So a worker is never wider than
 * its parent, however deep the line is. Folders are not permissions here: it holds those that its task names.
 */
export function workerPermissions(parent: Permissions | undefined, template: WorkerTemplate): Permissions {
  const held = parent ?? NO_PERMISSIONS;
  return {
    ...held,
    can_use_internet: held.can_use_internet && reachesWeb(template),
    can_use_browser: held.can_use_browser && template.tools.some((tool) => tool.startsWith('browser_')),
    can_spawn: both(held.can_spawn, template.children),
    allowed_skills: both(held.allowed_skills, template.skills),
    allowed_mcp: both(held.allowed_mcp, template.mcp),
    can_manage_cron: false,
    can_manage_fleet: false,
    can_manage_teams: false,
    can_edit_agent_config: false,
    can_route_tasks: false,
    can_request_user_credentials: false,
    can_use_wallet: false,
    paths: [],
  };
}

/** Names of the template that its parent holds, too, and names of the parent that a pattern of the template asks for. */
function both(held: readonly string[], wanted: readonly string[]): string[] {
  const named = wanted.filter((name) => held.some((glob) => matches(glob, name)));
  const asked = held.filter((name) => !name.includes('*') && wanted.some((glob) => matches(glob, name)));
  return [...new Set([...named, ...asked])];
}

function matches(glob: string, name: string): boolean {
  if (glob === '*' || glob === name) return true;
  return glob.endsWith('*') && !glob.slice(0, -1).includes('*') && name.startsWith(glob.slice(0, -1));
}
