import { join } from 'node:path';
import { type AgentRuns, createAgentRuns } from '../agents/agent-runs.ts';
import { type Agents, createAgents } from '../agents/agents.ts';
import { createPersonaFiles, type PersonaFiles } from '../agents/persona-files.ts';
import type { CoreDeps } from '../core.ts';
import type { Policy } from '../policy/policy.ts';
import type { RunManager } from '../runs/run-manager.ts';
import type { RunStore } from '../runs/run-store.ts';
import type { Foundations } from './foundations.ts';

/** The agents: their rows, their files, and what a run of theirs is given. */
export interface Fleet {
  readonly personas: PersonaFiles;
  readonly agents: Agents;
  readonly agentRuns: AgentRuns;
}

export type FleetDeps = CoreDeps &
  Foundations & {
    readonly policy: Policy;
    readonly toolNames: () => readonly string[];
    readonly manager: () => RunManager;
  };

export function createFleet(deps: FleetDeps): Fleet {
  const { runs, manager, config } = deps;
  const personas = createPersonaFiles({ ...deps, root: join(deps.paths.home, 'agents') });
  const agents = createAgents({
    ...deps,
    files: personas,
    limits: config.limits,
    knownTools: deps.toolNames,
    stopRuns: (agentId, reason) => stopRunsOf(agentId, reason, { runs, manager: manager() }),
  });
  return { personas, agents, agentRuns: createAgentRuns({ ...deps, agents, files: personas }) };
}

/** Workers end with the runs that started them; a background worker is a run of the agent's like any other. */
async function stopRunsOf(
  agentId: string,
  reason: string,
  { runs, manager }: { runs: RunStore; manager: RunManager },
): Promise<void> {
  for (const run of await runs.list({ agentId, active: true, limit: 500 })) await manager.cancel(run.id, reason);
}
