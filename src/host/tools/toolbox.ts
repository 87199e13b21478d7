import { z } from 'zod';
import { cleanText } from '../../protocol/clean-text.ts';
import type { ToolDescription } from '../../protocol/tool.ts';
import { cleanJson } from '../runs/clean-event.ts';
import type { AnyTool } from './tool.ts';

export interface Toolbox {
  readonly byName: ReadonlyMap<string, AnyTool>;
  /** Sorted by name, so that the prefix a provider caches stays the same. Names it does not have are left out. */
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
  'answer_worker',
  'get_worker_result',
  'list_workers',
  'stop_worker',
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
  'ask_parent',
] as const;

export function createToolbox(tools: readonly AnyTool[]): Toolbox {
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  const described = new Map(tools.map((tool) => [tool.name, describeTool(tool)]));
  return {
    byName,
    describe: (names) =>
      [...names].sort().flatMap((name) => {
        const description = described.get(name);
        return description === undefined ? [] : [description];
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
