import type { EventOf } from '../../protocol/event.ts';
import { OPERATOR } from '../../protocol/ids.ts';
import type { TeamTemplate } from '../../protocol/team.ts';
import type { Statement } from '../../storage/store.ts';
import type { AgentRoom } from '../agents/agent-room.ts';
import { createFleetTools } from '../fleet/fleet-tools.ts';
import type { Model } from '../models/model.ts';
import { createPlanRoom, type PlanRoom, type PlanRoomDeps } from '../plans/plan-room.ts';
import { createWakeUp, type WakeUpDeps } from '../plans/wake-up.ts';
import type { RunWriter } from '../runs/run-writer.ts';
import type { Steering } from '../steering/steering.ts';
import { createTeamTools } from '../teams/team-tools.ts';
import { createTeams, type Teams } from '../teams/teams.ts';
import type { AnyTool } from '../tools/tool.ts';
import { createWorkerRoom, type WorkerRoom, type WorkerRoomDeps } from '../workers/worker-room.ts';

/** Workers, teams and plans: what the agents there are can start, form and mean to do. */
export interface Fleet
  extends Pick<WorkerRoom, 'templates' | 'workers'>,
    Pick<PlanRoom, 'plans' | 'selfQueue' | 'resume'> {
  readonly teams: Teams;
  readonly tools: readonly AnyTool[];
  /** For the unit that ends a run. */
  ended(writer: RunWriter, event: EventOf<'run.finished'>): Promise<Statement[]>;
  /** After that unit. */
  settled(writer: RunWriter): Promise<void>;
}

export interface FleetDeps
  extends Omit<WorkerRoomDeps, 'steering'>,
    Omit<PlanRoomDeps, 'wakeUp'>,
    Omit<WakeUpDeps, 'agentRuns'> {
  readonly room: AgentRoom;
  readonly model: Model;
  readonly steering: Steering;
  readonly teamTemplates?: readonly TeamTemplate[];
  readonly defaultModel: () => string;
}

export function createFleet(deps: FleetDeps): Fleet {
  const { room } = deps;
  const workerRoom = createWorkerRoom({ ...deps, steering: () => deps.steering });
  const { workers, templates } = workerRoom;
  const wakeUp = createWakeUp({ ...deps, agentRuns: room.agentRuns });
  const planRoom = createPlanRoom({ ...deps, wakeUp: () => wakeUp });
  const teams = createTeams({
    ...deps,
    ...{ files: room.teamFiles, limits: deps.config.limits, templates: deps.teamTemplates ?? [] },
    operatorModel: async () => (await room.agents.get(OPERATOR)).model ?? deps.defaultModel(),
  });
  return {
    ...planRoom,
    workers,
    templates,
    teams,
    tools: [
      ...workerRoom.tools,
      ...planRoom.tools,
      ...createFleetTools({ ...deps, ...room, templates }),
      ...createTeamTools({ teams, agents: room.agents }),
    ],
    ended: async (writer, event) => [
      ...workers.ended(writer, event),
      ...(await planRoom.plans.workerEnded(writer, event)),
    ],
    async settled(writer) {
      if (writer.spec.kind !== 'worker') return;
      await workers.endChildren(writer);
      await planRoom.plans.reconcile();
    },
  };
}
