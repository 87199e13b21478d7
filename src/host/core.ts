import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { HoldfastConfig } from '../protocol/config.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { Store } from '../storage/store.ts';
import { type AgentRoom, createAgentRoom } from './agents/agent-room.ts';
import type { Approvals } from './approvals/approvals.ts';
import type { Deciders } from './approvals/deciders.ts';
import type { Artifacts } from './artifacts/artifacts.ts';
import type { AuditSink } from './audit/sink.ts';
import { createFoundations, type Foundations } from './compose/foundations.ts';
import type { HostSql } from './database.ts';
import type { FrozenSet } from './freeze/frozen-set.ts';
import type { Grants } from './grants/grants.ts';
import { finishChat } from './inbox/chat-run.ts';
import { createConversations } from './inbox/conversations.ts';
import type { Inbox } from './inbox/inbox.ts';
import type { Lanes } from './inbox/lanes.ts';
import type { Sessions } from './inbox/sessions.ts';
import type { Journal } from './journal/journal.ts';
import { createLabels, type Labels } from './labels/create-labels.ts';
import type { LeakGuard } from './leaks/leak-guard.ts';
import { createMesh, type Mesh } from './mesh/create-mesh.ts';
import type { Model } from './models/model.ts';
import { createPolicy, type Policy } from './policy/policy.ts';
import { createRates, type Rates } from './rates/rates.ts';
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
import { createAnnotate } from './sandboxes/annotate.ts';
import { createNetworkWatch, type NetworkSource, type NetworkWatch } from './sandboxes/network-watch.ts';
import type { RunSandboxes } from './sandboxes/run-sandboxes.ts';
import type { LateInputs } from './steering/late-inputs.ts';
import type { Steering } from './steering/steering.ts';
import { createSupervision, type Supervision, type SupervisionDeps } from './supervision/supervision.ts';
import type { AnyTool } from './tools/tool.ts';
import { createToolbox, type Toolbox } from './tools/toolbox.ts';
import { createAskParent } from './workers/ask-parent.ts';
import { createFollowUps } from './workers/follow-up.ts';
import type { WorkerTemplate } from './workers/templates.ts';
import { createWorkerTools } from './workers/worker-tools.ts';
import { createPlaces, createWorkers, type Places, type Workers } from './workers/workers.ts';

/**
 * The part of the host that turns messages into answers: journal, runs, workers, approvals, inbox. It is handed
 * everything that touches the outside (database, model, sandboxes), so it runs whole in a test.
 */
export interface Core extends AgentRoom, AsyncDisposable {
  readonly approvals: Approvals;
  readonly grants: Grants;
  readonly artifacts: Artifacts;
  readonly inbox: Inbox;
  readonly sessions: Sessions;
  readonly lanes: Lanes;
  readonly labels: Labels;
  readonly journal: Journal;
  readonly manager: RunManager;
  readonly policy: Policy;
  readonly mesh: Mesh;
  readonly rates: Rates;
  readonly toolbox: Toolbox;
  readonly runs: RunStore;
  readonly templates: readonly WorkerTemplate[];
  readonly steering: Steering;
  readonly supervision: Supervision;
  readonly lateInputs: LateInputs;
  readonly sql: HostSql;
  /** Where what is no journal event is written down for good. */
  readonly audit: AuditSink;
  readonly frozen: FrozenSet;
  /** Takes up every run that an earlier life of the host left open. Returns how many. */
  recover(): Promise<number>;
}

export interface CoreDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  /** Takes secrets out of what runs keep. Absent only in tests that have no vault. */
  readonly leaks?: LeakGuard;
  readonly model: Model;
  readonly contextWindow: (model: string) => Promise<number | undefined>;
  readonly vaultReachable: (signal: AbortSignal) => Promise<void>;
  /** Caps of runs and what happens at one; absent: nobody counts. */
  readonly budget?: RunBudget;
  readonly sandboxes: RunSandboxes;
  /** What the vault knows of a sandbox's network; absent: nothing is journaled of it. */
  readonly network?: NetworkSource;
  /** Tools that act: in the sandbox, and through the vault. */
  readonly actingTools: (deps: { artifacts: Artifacts; blobs: BlobStore }) => readonly AnyTool[];
  readonly templates: readonly WorkerTemplate[];
  /** Who may answer a question. Default: the owner. */
  readonly deciders?: Deciders;
  /** What every agent but the operator is told first. */
  readonly agentBase: string;
  readonly config: HoldfastConfig;
  readonly defaultModel: () => string;
  readonly paths: { readonly home: string; readonly userHome: string };
  readonly clock: Clock;
  readonly log: Logger;
}

const SOON_MS = 1_500;

export function createCore(deps: CoreDeps): Core {
  const { store, clock, log } = deps;
  const shutdown = new AbortController();
  const base = createFoundations(deps);
  const { sql, journal, runs, approvals, artifacts } = base;
  const labels = createLabels({ ...deps, ...base });
  const policy = createPolicy({ config: deps.config.policy, paths: deps.paths, clock });
  const rates = createRates(deps.config.rateLimits, { audit: base.audit, clock, log: log.child('rates') });
  const made = { ...deps, ...base, policy, manager: () => manager };
  const room = createAgentRoom({ ...made, knownTools: () => [...toolbox.byName.keys()] });
  const { agentRuns } = room;
  const conversations = createConversations({ ...made, agentRuns, signal: shutdown.signal });
  const { sessions, inbox, lanes, lateInputs } = conversations;
  const mesh = createMesh({ ...made, ...conversations, ...room });
  const places = createPlaces(policy.floor);
  const { userHome } = deps.paths;
  const workers = createWorkers({ ...made, reach: deps.sandboxes.reach, places, userHome });
  const toolbox: Toolbox = createToolbox(allTools(deps, { workers, artifacts, places, labels, mesh }));
  const followUps = createFollowUps({
    ...made,
    agentRuns,
    quarantine: labels.quarantine,
    sessions,
    inbox: () => inbox,
  });
  const onFinish: OnFinish = async (writer, raw) => {
    const event = cleanFinish(raw);
    const chat = finishChat(writer, event, { inbox, sessions });
    const rows = [approvals.closeOf(writer.runId), ...labels.onFinish(writer, event), ...chat];
    return [...rows, ...(await followUps.statements(writer, event)), ...(await mesh.flow.onFinish(writer, event))];
  };
  const network = watchNetwork(deps, base);
  const manager: RunManager = createRunManager({
    store,
    runs,
    journal,
    clock,
    log: log.child('runs'),
    leaks: deps.leaks,
    project: createProjection(sql),
    hold: base.frozen.hold,
    earlierLabel: labels.earlier,
    onSettled: async (writer, state) => {
      const follow = followUps.runOf(writer);
      if (follow !== undefined) lanes.add(follow.sessionId, follow.runId);
      if (state === 'asked') return;
      await deps.sandboxes.release(writer.runId);
      await network?.end({ ...writer.spec, runId: writer.runId }).catch(() => undefined); // The vault is down: nothing is lost there.
      await conversations.requeue(writer.runId);
      await mesh.flow.onSettled(writer.runId);
    },
    loop: createLoop({ ...deps, ...base, labels, lateInputs, toolbox, policy, rates, onFinish, watch: network }),
  });
  const supervision = superviseRuns({ ...deps, sql, journal, runs, manager });
  return {
    ...room,
    ...base,
    inbox,
    sessions,
    lanes,
    labels,
    manager,
    policy,
    mesh,
    rates,
    toolbox,
    templates: deps.templates,
    steering: conversations.steering,
    supervision,
    lateInputs,
    async recover() {
      const open = await recoverRuns({ runs, lanes, manager });
      for (const runId of await lateInputs.endedUnread()) await conversations.requeue(runId);
      await mesh.sweep();
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

function watchNetwork(deps: CoreDeps, base: Foundations): NetworkWatch | undefined {
  const { network: source, clock, config } = deps;
  if (source === undefined) return undefined;
  const expires = config.approvals.expiresAfterMs;
  const log = deps.log.child('network');
  const watch = createNetworkWatch({ ...base, store: deps.store, source, clock, log, approvalExpiresAfterMs: expires });
  base.journal.subscribe({ event: watch.answered, live: () => undefined });
  return watch;
}

type LoopParts = CoreDeps & {
  readonly watch: NetworkWatch | undefined;
  readonly frozen: FrozenSet;
  readonly lateInputs: LateInputs;
  readonly journal: Journal;
  readonly runs: RunStore;
  readonly approvals: Approvals;
  readonly grants: Grants;
  readonly toolbox: Toolbox;
  readonly policy: Policy;
  readonly rates: Rates;
  readonly labels: Labels;
  readonly onFinish: OnFinish;
};

function createLoop({
  watch,
  frozen,
  lateInputs,
  journal,
  runs,
  approvals,
  grants,
  toolbox,
  policy,
  rates,
  labels,
  onFinish,
  clock,
  ...deps
}: LoopParts): RunLoopDeps {
  const expires = deps.config.approvals.expiresAfterMs;
  return {
    onFinish,
    lateInputs,
    checkClaims: createClaimCheck({ journal, runs }),
    budget: deps.budget ?? NO_BUDGET,
    tools: {
      tools: toolbox.byName,
      clock,
      onFinish,
      gate: createGate({ approvals, policy, rates, grants, flow: labels.flow, approvalExpiresAfterMs: expires, clock }),
      sandboxLabels: labels.sandboxLabels,
      quarantine: labels.quarantine,
      sandboxOf: ({ runId, spec }) => deps.sandboxes.of({ ...spec, runId }),
      annotate: createAnnotate(deps.sandboxes, watch),
      live: {
        output: (runId, callId, stream, text) => journal.live({ type: 'tool.output', runId, callId, stream, text }),
        progress: (runId, callId, text) => journal.live({ type: 'tool.progress', runId, callId, text }),
      },
    },
    model: {
      model: deps.model,
      contextOf: createModelContext({ sessions: labels.transcripts, contextWindow: deps.contextWindow }),
      describe: toolbox.describe,
      live: journal.live,
      vaultReachable: deps.vaultReachable,
      // The vault froze it by itself: within a look of ours it is let go here too, and held.
      thawed: async (agentId, signal) => {
        await clock.sleep(SOON_MS, signal);
        await frozen.hold(agentId, signal);
      },
      clock,
    },
  };
}

interface ToolParts {
  readonly workers: Workers;
  readonly artifacts: Artifacts;
  readonly places: Places;
  readonly labels: Labels;
  readonly mesh: Mesh;
}

function allTools(deps: CoreDeps, { workers, artifacts, places, labels, mesh }: ToolParts): AnyTool[] {
  const { userHome } = deps.paths;
  return [
    ...deps.actingTools({ artifacts, blobs: deps.blobs }),
    ...createWorkerTools(workers, { userHome, networkTools: ['web_fetch'], reach: deps.sandboxes.reach, places }),
    createAskParent(),
    ...mesh.tools,
    ...labels.tools({ model: deps.model, artifacts }),
  ];
}
