import type { PersonaFile } from '../../protocol/agent.ts';
import type { HoldfastConfig } from '../../protocol/config.ts';
import { OWNER_PERSON } from '../../protocol/people.ts';
import { RunLimits } from '../../protocol/run.ts';
import type { Policy } from '../policy/policy.ts';
import type { RunSpec } from '../runs/spec.ts';
import type { Agent } from './agent.ts';
import type { Agents } from './agents.ts';
import type { PersonaFiles } from './persona-files.ts';
import { systemFile } from './system-file.ts';
import { systemPrompt } from './system-prompt.ts';

/** What a run of an agent is given besides what the agent itself brings. */
export type RunRequest = Pick<RunSpec, 'kind' | 'title' | 'input'> &
  Partial<Pick<RunSpec, 'sessionId' | 'messageId' | 'parentRunId' | 'principal' | 'unattended' | 'background'>>;

/**
 * Makes the spec of an agent's own run (chat, task, heartbeat, cron, webhook): model, tools, permissions, limits and the
 * system prompt, read anew each time, so that an edit counts from the next run on. Throws for an archived agent.
 */
export interface AgentRuns {
  spec(agentId: string, request: RunRequest): Promise<RunSpec>;
  /** The files that its next run would read, the generated ones and its team's included. */
  files(agentId: string): Promise<ReadonlyMap<PersonaFile, string>>;
  /** The system prompt as it would be now. */
  prompt(agentId: string): Promise<string>;
}

export interface AgentRunsDeps {
  readonly agents: Pick<Agents, 'active' | 'roster'>;
  readonly files: PersonaFiles;
  readonly config: HoldfastConfig;
  readonly defaultModel: () => string;
  readonly policy: Pick<Policy, 'permissionsOf' | 'placesOf'>;
  /** What agents other than the operator are told, as this version ships it. */
  readonly agentBase: string;
  /** TEAM.md of a team; absent or undefined: none. */
  readonly teamFile?: (team: string) => Promise<string | undefined>;
}

const MOST_OTHERS = 20;

export function createAgentRuns(deps: AgentRunsDeps): AgentRuns {
  const filesOf = async (agent: Agent): Promise<ReadonlyMap<PersonaFile, string>> => {
    const model = agent.model ?? deps.defaultModel();
    const files = new Map(await deps.files.read(agent.id));
    const system = systemFile({ agent, model, others: await deps.agents.roster(agent, MOST_OTHERS) });
    const team = agent.team === null ? undefined : await deps.teamFile?.(agent.team);
    await deps.files.generate(agent.id, 'SYSTEM.md', system);
    files.set('SYSTEM.md', system);
    if (team !== undefined) files.set('TEAM.md', team);
    return files;
  };
  const promptOf = async (agent: Agent): Promise<string> => {
    const base = agent.kind === 'operator' ? agent.instructions : deps.agentBase;
    return systemPrompt({ base, files: await filesOf(agent) });
  };
  return {
    files: async (agentId) => filesOf(await deps.agents.active(agentId)),
    prompt: async (agentId) => promptOf(await deps.agents.active(agentId)),
    async spec(agentId, request) {
      const agent = await deps.agents.active(agentId);
      const operator = agent.kind === 'operator';
      const permissions = deps.policy.permissionsOf(agent);
      const wanted = permissions.can_use_internet ? (agent.sandbox.egress ?? []) : [];
      const egress = deps.policy.placesOf(agentId, permissions, wanted);
      const { egress: _egress, ...sandbox } = agent.sandbox;
      return {
        folders: [],
        depth: 0,
        children: [],
        expects: [],
        background: false,
        principal: 'owner',
        untrusted: deps.config.policy.untrusted,
        unattended: false,
        ...request,
        agentId,
        model: agent.model ?? deps.defaultModel(),
        thinking: agent.thinking ?? deps.config.thinking,
        tools: agent.tools,
        systemPrompt: await promptOf(agent),
        limits: RunLimits.parse({ ...deps.config.limits, ...agent.limits }),
        permissions,
        isOperator: operator,
        ...(agent.team === null ? {} : { team: agent.team }),
        ...(operator ? {} : { sandbox, volume: volumeOf(agentId, request.principal) }),
        ...(operator || egress.length === 0 ? {} : { egress }),
      };
    },
  };
}

/**
 * The folder of an agent's own volume under `home.volumes`. No run's id looks like it. Whoever is not the owner has one of
 * their own with each agent: what an agent keeps for one person is not there when it works for another.
 */
export const volumeOf = (agentId: string, person: string = OWNER_PERSON): string =>
  person === OWNER_PERSON ? `agent-${agentId}` : `agent-${agentId}.${person}`;
