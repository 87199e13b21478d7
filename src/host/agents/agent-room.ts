import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { HoldfastConfig } from '../../protocol/config.ts';
import { readOne } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { Changes } from '../changes/changes.ts';
import type { HostSql } from '../database.ts';
import type { Journal } from '../journal/journal.ts';
import type { Policy } from '../policy/policy.ts';
import type { RunManager } from '../runs/run-manager.ts';
import type { RunStore } from '../runs/run-store.ts';
import { createTeamFiles, type TeamFiles } from '../teams/team-files.ts';
import { type AgentRuns, createAgentRuns } from './agent-runs.ts';
import { type Agents, createAgents } from './agents.ts';
import { createPersonaFiles, type PersonaFiles } from './persona-files.ts';
import { receiptsOf, restoreField } from './receipts.ts';

/** Who there is, what they are told, and the runs that are made from them. */
export interface AgentRoom {
  readonly agents: Agents;
  readonly agentRuns: AgentRuns;
  readonly personas: PersonaFiles;
  readonly teamFiles: TeamFiles;
}

export interface AgentRoomDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly runs: RunStore;
  readonly config: HoldfastConfig;
  readonly defaultModel: () => string;
  readonly agentBase: string;
  readonly changes: Changes;
  readonly policy: Pick<Policy, 'permissionsOf' | 'placesOf'>;
  readonly paths: { readonly home: string };
  /** Made after this. */
  readonly manager: () => RunManager;
  readonly knownTools: () => readonly string[];
}

export function createAgentRoom(deps: AgentRoomDeps): AgentRoom {
  const personas = createPersonaFiles({ ...deps, root: join(deps.paths.home, 'agents') });
  const teamFiles = createTeamFiles({ ...deps, root: join(deps.paths.home, 'teams') });
  const agents = createAgents({
    ...deps,
    files: personas,
    limits: deps.config.limits,
    isTeam: (name) => isTeam(name, deps),
    onChange: (note) => receiptsOf(note, deps.changes),
    stopRuns: (agentId, reason) => stopRuns(agentId, reason, deps),
  });
  deps.changes.restoreBy('agent', restoreField(agents));
  return {
    agents,
    personas,
    agentRuns: createAgentRuns({ ...deps, agents, files: personas, teamFile: teamFiles.read }),
    teamFiles,
  };
}

/** Its background workers, too: they are runs of the agent's like any other. */
async function stopRuns(agentId: string, reason: string, { runs, manager }: AgentRoomDeps): Promise<void> {
  for (const run of await runs.list({ agentId, active: true, limit: 500 })) await manager().cancel(run.id, reason);
}

/** Also one that is gone: names are given once. */
async function isTeam(name: string, { store, sql }: AgentRoomDeps): Promise<boolean> {
  return (await readOne(store, sql.selectFrom('teams').select('id').where('id', '=', name))) !== undefined;
}
