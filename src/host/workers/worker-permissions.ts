import { templatePermissions } from '../../policy/default-permissions.ts';
import { type CompiledFloor, placesWithin } from '../../policy/floor.ts';
import { meet } from '../../policy/meet.ts';
import { NO_PERMISSIONS, type Permissions } from '../../protocol/permission.ts';
import type { ToolCaller } from '../tools/tool.ts';
import type { WorkerTemplate } from './templates.ts';

/** Tools that read or change something outside this machine. */
const WEB_TOOLS = /^(?:web_|http_|browser_|download_|list_services)/;

/** For people: does a worker of this kind read or reach anything outside? Its tools are what decides. */
export function reachesWeb(template: WorkerTemplate): boolean {
  if (template.internet !== undefined) return template.internet;
  return (
    template.egress !== undefined || [...template.tools, ...template.optional_tools].some((t) => WEB_TOOLS.test(t))
  );
}

/**
 * What a worker of this template may do for this parent: never more than either, so a worker is never wider than its
 * parent, however deep the line is. Folders are not permissions here: it holds those that its task names.
 */
export function workerPermissions(template: WorkerTemplate, parent: Permissions | undefined): Permissions {
  const asked = templatePermissions({
    egress: template.egress,
    permissions: {
      ...(template.internet === undefined ? {} : { can_use_internet: template.internet }),
      can_spawn: template.children,
      allowed_skills: template.skills,
      allowed_mcp: template.mcp,
      ...template.permissions,
    },
  });
  return meet(asked, parent ?? NO_PERMISSIONS);
}

/** What a template's sandbox may ask for when this caller starts it. */
export type Places = (template: WorkerTemplate, caller: ToolCaller) => readonly string[];

/** Bounded by what template and caller may do together, and by the floor. */
export function createPlaces(floor: CompiledFloor): Places {
  return (template, { agentId, permissions }) => {
    const { allowed_egress, can_use_internet } = workerPermissions(template, permissions);
    if (!can_use_internet) return [];
    return placesWithin(floor, agentId, allowed_egress ?? template.egress ?? []);
  };
}

/** What a template's sandbox reaches for this agent, as text for people. */
export type Reach = (agentId: string, places: readonly string[] | undefined) => Promise<readonly string[]>;
