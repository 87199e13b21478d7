import type { AgentRoom } from '../agents/agent-room.ts';
import type { AnyTool } from '../tools/tool.ts';
import type { WorkerTemplates } from '../workers/template-store.ts';
import { type ActivityDeps, createActivityTool } from './activity.ts';
import { createAgentTools } from './agent-tools.ts';
import { createTemplateTools } from './template-tools.ts';

/**
 * The tools with which an agent looks at the fleet and changes it. All of them only change rows and files of our own; the
 * gate decides by what they would change. MCP servers and skills bring tools of the same shape from their own rooms.
 */
export function createFleetTools(deps: AgentRoom & ActivityDeps & { readonly templates: WorkerTemplates }): AnyTool[] {
  return [createActivityTool(deps), ...createAgentTools(deps), ...createTemplateTools(deps.templates)];
}
