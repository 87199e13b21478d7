import { AgentConfig, AgentStatus } from '../../protocol/agent.ts';
import type { AgentsTable } from './tables.ts';

/** An agent as the host works with it: its row, read. */
export interface Agent extends AgentConfig {
  readonly id: string;
  readonly kind: 'operator' | 'agent';
  readonly status: AgentStatus;
  readonly revision: number;
  /** The operator's shipped text; empty for every other agent, whose persona is in its files. */
  readonly instructions: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export function toAgent(row: AgentsTable): Agent {
  return {
    ...AgentConfig.parse({
      title: row.title,
      description: row.description,
      role: row.role,
      model: row.model,
      thinking: row.thinking,
      tools: JSON.parse(row.tools),
      permissions: JSON.parse(row.permissions),
      limits: JSON.parse(row.limits),
      sandbox: JSON.parse(row.sandbox),
      schedule: row.schedule,
      team: row.team,
    }),
    id: row.id,
    kind: row.kind === 'operator' ? 'operator' : 'agent',
    status: AgentStatus.parse(row.status),
    revision: row.revision,
    instructions: row.instructions,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** The columns of a configuration. */
export function toColumns(config: AgentConfig) {
  return {
    title: config.title,
    description: config.description,
    role: config.role,
    model: config.model,
    thinking: config.thinking,
    tools: JSON.stringify(config.tools),
    permissions: JSON.stringify(config.permissions),
    limits: JSON.stringify(config.limits),
    sandbox: JSON.stringify(config.sandbox),
    schedule: config.schedule,
    team: config.team,
  };
}

/** The configuration of an agent, without what identifies it. */
export function configOf(agent: Agent): AgentConfig {
  const { title, description, role, model, thinking, tools, permissions, limits, sandbox, schedule, team } = agent;
  return { title, description, role, model, thinking, tools, permissions, limits, sandbox, schedule, team };
}
