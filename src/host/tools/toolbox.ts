import { z } from 'zod';
import { grantedTools } from '../../policy/risk-class.ts';
import { cleanText } from '../../protocol/clean-text.ts';
import type { ToolDescription } from '../../protocol/tool.ts';
import { cleanJson } from '../runs/clean-event.ts';
import type { AnyTool } from './tool.ts';

export interface Toolbox {
  readonly byName: ReadonlyMap<string, AnyTool>;
  /** With the classes (`risk:sandbox-read`) written out; sorted by name, so that the prefix a provider caches stays the same. Names it does not have are left out. */
  describe(names: readonly string[]): readonly ToolDescription[];
}

/** How agents work together: rows of our own, held by permissions and not by who has the tool. */
export const MESH_TOOLS = [
  'read_blackboard',
  'list_blackboard',
  'write_blackboard',
  'watch_blackboard',
  'publish_event',
  'subscribe_event',
  'send_message',
  'hand_off',
  'check_inbox',
  'claim_task',
  'update_status',
  'complete_task',
  'review_task',
  'cancel_task',
] as const;

/** All that the operator has: planning and delegating, and nothing that acts. */
export const OPERATOR_TOOLS = [
  'spawn_worker',
  'spawn_workers',
  'answer_worker',
  'get_worker_result',
  'list_workers',
  'steer_worker',
  'stop_worker',
  'synthesize_worker_results',
  'plan_create',
  'plan_update',
  'plan_approve',
  'plan_status',
  'plan_cancel',
  'self_queue_add',
  'self_queue_list',
  'self_queue_remove',
  'list_activity',
  'list_agents',
  'get_agent_profile',
  'create_agent',
  'edit_agent',
  'write_agent_file',
  'update_workspace',
  'archive_agent',
  'restore_agent',
  'remove_agent',
  'create_worker_template',
  'update_worker_template',
  'delete_worker_template',
  'list_teams',
  'propose_team',
  'create_team',
  'add_team_member',
  'remove_team_member',
  'remove_team',
  'find_tools',
  ...MESH_TOOLS,
] as const;

/** What a worker template may name. */
export const WORKER_TOOLS = [
  'run_command',
  'read_file',
  'write_file',
  'edit_file',
  'list_files',
  'search_files',
  'save_artifact',
  'web_fetch',
  'http_request',
  'list_services',
  'vault_list',
  'vault_generate_secret',
  'vault_list',
  'vault_generate_secret',
  'ask_parent',
  'spawn_worker',
  'spawn_workers',
  'answer_worker',
  'get_worker_result',
  'list_workers',
  'steer_worker',
  'stop_worker',
  'synthesize_worker_results',
  'list_activity',
] as const;

export function createToolbox(tools: readonly AnyTool[]): Toolbox {
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  const described = new Map<string, ToolDescription>();
  const describe = (tool: AnyTool): ToolDescription => {
    const known = described.get(tool.name);
    if (known?.description === tool.description) return known;
    const fresh = describeTool(tool);
    described.set(tool.name, fresh);
    return fresh;
  };
  return {
    byName,
    describe: (names) =>
      [...grantedTools(names, byName.values())].sort().flatMap((name) => {
        const tool = byName.get(name);
        return tool === undefined ? [] : [describe(tool)];
      }),
  };
}

function describeTool(tool: AnyTool): ToolDescription {
  const { $schema: _, ...inputSchema } = z.toJSONSchema(tool.input, { io: 'input', unrepresentable: 'any' });
  // A description may be somebody else's (an MCP server's): the model reads what a person could read.
  return {
    name: tool.name,
    description: cleanText(tool.description),
    inputSchema: z.record(z.string(), z.json()).parse(cleanJson(JSON.parse(JSON.stringify(inputSchema)))),
  };
}
