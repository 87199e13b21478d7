import { HoldfastError } from '../../protocol/error.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { type Label, SYSTEM_LABEL } from '../../protocol/label.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import type { Agents } from '../agents/agents.ts';
import type { ToolContext } from '../tools/tool.ts';
import type { MeshMember } from './keys.ts';

/** What every tool of the mesh says of itself: rows of our own, nothing outside them. */
export const CONTROL = { risk: 'control', idempotent: true, parallel: false } as const;
export const READS = { risk: 'control', idempotent: true, parallel: true } as const;

export async function memberOf(
  { agentId }: Pick<ToolContext, 'agentId'>,
  agents: Pick<Agents, 'get'>,
): Promise<MeshMember> {
  const agent = await agents.get(agentId);
  return { agentId, team: agent.team ?? undefined, permissions: agent.permissions };
}

export function told(data: JsonValue, label: Label = SYSTEM_LABEL): ToolOutcome {
  return { status: 'ok', text: JSON.stringify(data, undefined, 2), data, label };
}

/** A refusal that a model cannot take for success. */
export function refused(thrown: unknown, opening: string): ToolOutcome {
  const error = HoldfastError.from(thrown, 'tool.failed');
  const remedy = error.remedy === undefined ? '' : ` ${error.remedy}`;
  return { status: 'error', text: `${opening} ${error.message}${remedy}`, label: SYSTEM_LABEL };
}
