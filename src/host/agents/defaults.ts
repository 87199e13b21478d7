import type { AgentConfig, CreateAgent } from '../../protocol/agent.ts';
import { NO_PERMISSIONS, type Permissions } from '../../protocol/permission.ts';
import { MESH_TOOLS } from '../tools/toolbox.ts';

/** What a new agent may use when nobody says otherwise: its own sandbox without a network, and the ways to others, as far as its permissions go. */
export const AGENT_DEFAULT_TOOLS = [
  'run_command',
  'read_file',
  'write_file',
  'edit_file',
  'list_files',
  'search_files',
  'save_artifact',
  'update_workspace',
  'list_agents',
  ...MESH_TOOLS,
] as const;

/** Tools that make sense only in a worker's run, whose parent answers. */
export const WORKER_ONLY_TOOLS: readonly string[] = ['ask_parent'];

export function newConfig(input: CreateAgent): AgentConfig {
  return {
    title: input.title ?? titleOf(input.id),
    description: input.description ?? '',
    role: input.role ?? '',
    model: input.model ?? null,
    thinking: input.thinking ?? null,
    tools: input.tools ?? [...AGENT_DEFAULT_TOOLS],
    permissions: input.permissions ?? ownPermissions(input.id),
    limits: input.limits ?? {},
    sandbox: input.sandbox ?? {},
    schedule: input.schedule ?? null,
    team: null,
  };
}

/** An agent may always read and write its own part of the blackboard and tell the operator something. */
export function ownPermissions(id: string): Permissions {
  const own = [`teams/${id}/*`];
  return { ...NO_PERMISSIONS, can_message: ['operator'], blackboard_read: own, blackboard_write: own };
}

/** `price-watch` → `Price watch`. */
function titleOf(id: string): string {
  const words = id.replaceAll(/[-_]+/g, ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
