import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { AgentRuns } from '../agents/agent-runs.ts';
import type { Agents } from '../agents/agents.ts';
import type { HostSql } from '../database.ts';
import type { Inbox } from '../inbox/inbox.ts';
import type { Lanes } from '../inbox/lanes.ts';
import type { Sessions } from '../inbox/sessions.ts';
import type { RunManager } from '../runs/run-manager.ts';
import type { RunStore } from '../runs/run-store.ts';
import type { AnyTool } from '../tools/tool.ts';
import { type Blackboard, createBlackboard } from './blackboard.ts';
import { createBlackboardTools, newsRows } from './blackboard-tools.ts';
import { createInterests, type Interests } from './interests.ts';
import { createMessageTools } from './message-tools.ts';
import { createNotices, type Notices } from './notices.ts';
import { createTaskEndingTools } from './task-ending-tools.ts';
import { createTaskFlow, type TaskFlow } from './task-flow.ts';
import { createTaskTools } from './task-tools.ts';
import { createTasks, type Tasks } from './tasks.ts';
import { createMeshWrites } from './writes.ts';

/** How agents work together: shared state, topics, messages and tasks. They never reach each other but through here. */
export interface Mesh {
  readonly blackboard: Blackboard;
  readonly interests: Interests;
  readonly notices: Notices;
  readonly tasks: Tasks;
  readonly flow: TaskFlow;
  readonly tools: readonly AnyTool[];
  /** Rows that tell whoever watches this key, for the unit that writes it. */
  news(key: string, by: string): Promise<Statement[]>;
  /** By the clock and at the start: what must follow a commit and did not, and what has expired. */
  sweep(): Promise<void>;
}

export interface MeshDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly clock: Clock;
  readonly log: Logger;
  readonly agents: Agents;
  readonly agentRuns: AgentRuns;
  readonly runs: RunStore;
  readonly sessions: Sessions;
  readonly inbox: Inbox;
  readonly lanes: Lanes;
  readonly manager: () => RunManager;
}

export function createMesh(deps: MeshDeps): Mesh {
  const blackboard = createBlackboard(deps);
  const interests = createInterests(deps);
  const notices = createNotices({ ...deps, log: deps.log.child('mesh') });
  const tasks = createTasks(deps);
  const writes = createMeshWrites(deps);
  const flow = createTaskFlow({ ...deps, tasks, notices });
  const parts = { ...deps, blackboard, interests, notices, tasks, writes, flow };
  return {
    blackboard,
    interests,
    notices,
    tasks,
    flow,
    news: (key, by) => newsRows(key, by, parts),
    tools: [
      ...createBlackboardTools(parts),
      ...createMessageTools(parts),
      ...createTaskTools(parts),
      ...createTaskEndingTools(parts),
    ],
    async sweep() {
      await flow.sweep();
      await blackboard.collect();
    },
  };
}
