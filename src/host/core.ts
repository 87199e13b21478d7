import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { HoldfastConfig } from '../protocol/config.ts';
import { OPERATOR } from '../protocol/ids.ts';
import type { TeamTemplate } from '../protocol/team.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { Store } from '../storage/store.ts';
import { type AgentRoom, createAgentRoom } from './agents/agent-room.ts';
import type { Approvals } from './approvals/approvals.ts';
import type { Artifacts } from './artifacts/artifacts.ts';
import type { AuditSink } from './audit/sink.ts';
import { createFoundations } from './compose/foundations.ts';
import type { HostSql } from './database.ts';
import { createFleetTools } from './fleet/fleet-tools.ts';
import { finishChat } from './inbox/chat-run.ts';
import { createConversations } from './inbox/conversations.ts';
import type { Inbox } from './inbox/inbox.ts';
import type { Lanes } from './inbox/lanes.ts';
import type { Sessions } from './inbox/sessions.ts';
import type { Journal } from './journal/journal.ts';
import type { Model } from './models/model.ts';
import { createPlanRoom } from './plans/plan-room.ts';
import type { Plans } from './plans/plans.ts';
import type { SelfQueue } from './plans/self-queue.ts';
import { createWakeUp } from './plans/wake-up.ts';
import { createPolicy, type Policy } from './policy/policy.ts';
import { createClaimCheck } from './runs/claim-check.ts';
import { cleanFinish } from './runs/clean-event.ts';
import { createModelContext } from './runs/model-context.ts';
import { createProjection } from './runs/projection.ts';
import { recoverRuns } from './runs/recover.ts';
import { NO_BUDGET, type RunBudget } from './runs/run-budget.ts';
import type { OnFinish, RunLoopDeps } from './runs/run-loop.ts';
import { createRunManager, type RunManager } from './runs/run-manager.ts';
import type { RunStore } from './runs/run-store.ts';
import { createGate } from './runs/tool-gate.ts';
import type { ToolPhaseDeps } from './runs/tool-phase.ts';
import type { RunSandboxes } from './sandboxes/run-sandboxes.ts';
import type { LateInputs } from './steering/late-inputs.ts';
import type { Steering } from './steering/steering.ts';
import { createSupervision, type Supervision, type SupervisionDeps } from './supervision/supervision.ts';
import { createTeamTools } from './teams/team-tools.ts';
import { createTeams, type Teams } from './teams/teams.ts';
import { createFindTools, visibleTools } from './tools/find-tools.ts';
import type { AnyTool } from './tools/tool.ts';
import { createToolbox, type Toolbox } from './tools/toolbox.ts';
import { createContracts, type ProbeUrl } from './workers/contracts.ts';
import { createFollowUps } from './workers/follow-up.ts';
import type { WorkerTemplates } from './workers/template-store.ts';
import type { WorkerTemplate } from './workers/templates.ts';
import { createWorkerRoom } from './workers/worker-room.ts';
import type { Workers } from './workers/workers.ts';

/**
 * The part of the host that turns messages into answers: journal, runs, workers, approvals, inbox. It is handed
 * everything that touches the outside (database, model, sandboxes), so it runs whole in a test.
 */
export interface Core extends AgentRoom, AsyncDisposable {
  readonly approvals: Approvals;
  readonly artifacts: Artifacts;
  readonly inbox: Inbox;
  readonly sessions: Sessions;
  readonly lanes: Lanes;
  readonly journal: Journal;
  readonly manager: RunManager;
  readonly policy: Policy;
  readonly toolbox: Toolbox;
  readonly runs: RunStore;
  readonly templates: WorkerTemplates;
  readonly workers: Workers;
  readonly plans: Plans;
  readonly teams: Teams;
  readonly selfQueue: SelfQueue;
  readonly steering: Steering;
  readonly supervision: Supervision;
  readonly lateInputs: LateInputs;
  readonly sql: HostSql;
  /** Where what is no journal event is written down for good. */
  readonly audit: AuditSink;
  /** Takes up every run that an earlier life of the host left open. Returns how many. */
  recover(): Promise<number>;
}

export interface CoreDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly model: Model;
  readonly contextWindow: (model: string) => Promise<number | undefined>;
  readonly vaultReachable: (signal: AbortSignal) => Promise<void>;
  /** Caps of runs and what happens at one; absent: nobody counts. */
  readonly budget?: RunBudget;
  readonly sandboxes: RunSandboxes;
  /** Tools that act: in the sandbox, and through the vault. */
  readonly actingTools: (deps: { artifacts: Artifacts; blobs: BlobStore }) => readonly AnyTool[];
  readonly templates: readonly WorkerTemplate[];
  readonly teamTemplates?: readonly TeamTemplate[];
  /** The HTTP status of an address, for a worker that was expected to bring one about. Default: none can be asked. */
  readonly probeUrl?: ProbeUrl;
  /** What every agent but the operator is told first. */
  readonly agentBase: string;
  readonly config: HoldfastConfig;
  readonly defaultModel: () => string;
  readonly paths: { readonly home: string; readonly userHome: string };
  readonly clock: Clock;
  readonly log: Logger;
}

export function createCore(deps: CoreDeps): Core {
  const { store, clock, log } = deps;
  const shutdown = new AbortController();
  const base = createFoundations(deps);
  const { sql, journal, runs, approvals, artifacts } = base;
  const policy = createPolicy({ config: deps.config.policy, paths: deps.paths, clock });
  const knownTools = (): readonly string[] => [...toolbox.byName.keys()];
  const made = { ...deps, ...base, policy, knownTools, manager: () => manager };
  const room = createAgentRoom(made);
  const { agentRuns } = room;
  const conversations = createConversations({ ...made, agentRuns, signal: shutdown.signal });
  const { sessions, inbox, lanes, lateInputs } = conversations;
  const workerRoom = createWorkerRoom({ ...made, steering: () => conversations.steering });
  const { workers } = workerRoom;
  const teams = createTeams({
    ...made,
    ...{ room, files: room.teamFiles, limits: deps.config.limits, templates: deps.teamTemplates ?? [] },
    operatorModel: async () => (await room.agents.get(OPERATOR)).model ?? deps.defaultModel(),
  });
  const planRoom = createPlanRoom({ ...made, wakeUp: () => wakeUp });
  const toolbox: Toolbox = createToolbox([
    ...deps.actingTools({ artifacts, blobs: deps.blobs }),
    ...workerRoom.tools,
    ...planRoom.tools,
    ...createFleetTools({ ...made, ...room, templates: workerRoom.templates }),
    ...createTeamTools({ teams, agents: room.agents }),
    createFindTools(() => [...toolbox.byName.values()]),
  ]);
  const wakeUp = createWakeUp({ ...made, ...conversations, agentRuns });
  const followUps = createFollowUps({ ...made, agentRuns, sessions, inbox: () => inbox });
  const onFinish: OnFinish = async (writer, raw) => {
    const event = cleanFinish(raw);
    const chat = finishChat(writer, event, { inbox, sessions });
    const after = [
      ...(await followUps.statements(writer, event)),
      ...workers.ended(writer, event),
      ...(await planRoom.plans.workerEnded(writer, event)),
    ];
    return [approvals.closeOf(writer.runId), ...chat, ...after];
  };
  const manager: RunManager = createRunManager({
    store,
    runs,
    journal,
    clock,
    log: log.child('runs'),
    project: createProjection(sql),
    onSettled: async (writer, state) => {
      const follow = followUps.runOf(writer);
      if (follow !== undefined) lanes.add(follow.sessionId, follow.runId);
      if (state === 'asked') return;
      await workers.endChildren(writer);
      if (writer.spec.kind === 'worker') await planRoom.plans.reconcile();
      await deps.sandboxes.release(writer.runId);
      await conversations.requeue(writer.runId);
    },
    loop: createLoop({ ...deps, lateInputs, journal, runs, approvals, toolbox, policy, onFinish }),
  });
  const supervision = superviseRuns({ ...deps, sql, journal, runs, manager });
  return {
    ...room,
    ...base,
    inbox,
    sessions,
    lanes,
    manager,
    policy,
    toolbox,
    templates: workerRoom.templates,
    workers,
    plans: planRoom.plans,
    teams,
    selfQueue: planRoom.selfQueue,
    steering: conversations.steering,
    supervision,
    lateInputs,
    async recover() {
      const open = await recoverRuns({ runs, lanes, manager });
      for (const runId of await lateInputs.endedUnread()) await conversations.requeue(runId);
      await planRoom.resume();
      return open;
    },
    async [Symbol.asyncDispose]() {
      shutdown.abort();
      supervision[Symbol.dispose]();
      await manager[Symbol.asyncDispose]();
    },
  };
}

type Supervised = Pick<SupervisionDeps, 'sql' | 'journal' | 'runs' | 'manager'>;

function superviseRuns({ config, log, clock, ...deps }: CoreDeps & Supervised): Supervision {
  const { limits, approvals } = config;
  const questionMs = approvals.expiresAfterMs;
  return createSupervision({ ...deps, clock, log: log.child('supervision'), limits, questionMs });
}

type LoopParts = CoreDeps & {
  readonly lateInputs: LateInputs;
  readonly journal: Journal;
  readonly runs: RunStore;
  readonly approvals: Approvals;
  readonly toolbox: Toolbox;
  readonly policy: Policy;
  readonly onFinish: OnFinish;
};

function createLoop({
  lateInputs,
  journal,
  runs,
  approvals,
  toolbox,
  policy,
  onFinish,
  clock,
  ...deps
}: LoopParts): RunLoopDeps {
  const expires = deps.config.approvals.expiresAfterMs;
  const sandboxOf: ToolPhaseDeps['sandboxOf'] = ({ runId, spec }) => deps.sandboxes.of({ ...spec, runId });
  return {
    onFinish,
    lateInputs,
    contracts: createContracts({ sandboxOf, probeUrl: deps.probeUrl }),
    checkClaims: createClaimCheck({ journal, runs }),
    budget: deps.budget ?? NO_BUDGET,
    tools: {
      tools: toolbox.byName,
      clock,
      onFinish,
      gate: createGate({ approvals, policy, approvalExpiresAfterMs: expires, clock }),
      sandboxOf,
      annotate: deps.sandboxes.annotate,
      live: {
        output: (runId, callId, stream, text) => journal.live({ type: 'tool.output', runId, callId, stream, text }),
        progress: (runId, callId, text) => journal.live({ type: 'tool.progress', runId, callId, text }),
      },
    },
    model: {
      model: deps.model,
      contextOf: createModelContext({ journal, runs, contextWindow: deps.contextWindow }),
      describe: (names, transcript) => toolbox.describe(visibleTools(names, { byName: toolbox.byName, transcript })),
      live: journal.live,
      vaultReachable: deps.vaultReachable,
      clock,
    },
  };
}
