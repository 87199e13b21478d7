import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { RISK_CLASSES } from '../policy/risk-class.ts';
import type { HoldfastConfig } from '../protocol/config.ts';
import type { TeamTemplate } from '../protocol/team.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { Store } from '../storage/store.ts';
import { type AgentRoom, createAgentRoom } from './agents/agent-room.ts';
import type { Approvals } from './approvals/approvals.ts';
import type { Deciders } from './approvals/deciders.ts';
import type { Artifacts } from './artifacts/artifacts.ts';
import type { AuditSink } from './audit/sink.ts';
import type { Changes } from './changes/changes.ts';
import { createFleet } from './compose/fleet.ts';
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
import type { Plans } from './plans/plans.ts';
import type { SelfQueue } from './plans/self-queue.ts';
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
import type { ToolPhaseDeps } from './runs/tool-phase.ts';
import { createAnnotate } from './sandboxes/annotate.ts';
import { createNetworkWatch, type NetworkSource, type NetworkWatch } from './sandboxes/network-watch.ts';
import type { RunSandboxes } from './sandboxes/run-sandboxes.ts';
import type { LateInputs } from './steering/late-inputs.ts';
import type { Steering } from './steering/steering.ts';
import { createSupervision, type Supervision, type SupervisionDeps } from './supervision/supervision.ts';
import type { Teams } from './teams/teams.ts';
import { createFindTools, visibleTools } from './tools/find-tools.ts';
import type { AnyTool } from './tools/tool.ts';
import { createToolbox, type Toolbox } from './tools/toolbox.ts';
import { createContracts, type ProbeUrl } from './workers/contracts.ts';
import { createFollowUps } from './workers/follow-up.ts';
import type { WorkerTemplates } from './workers/template-store.ts';
import type { WorkerTemplate } from './workers/templates.ts';
import type { Workers } from './workers/workers.ts';

/**
 * The part of the host that turns messages into answers: journal, runs, workers, approvals, inbox. It is handed
 * everything that touches the outside (database, model, sandboxes), so it runs whole in a test.
 */
export interface Core extends AgentRoom, AsyncDisposable {
  readonly approvals: Approvals;
  readonly grants: Grants;
  readonly artifacts: Artifacts;
  readonly changes: Changes;
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

const SOON_MS = 1_500;
/** Of the tools between agents, those that a model with `find_tools` is told of at once. */
const MESH_OFTEN = ['hand_off', 'check_inbox', 'send_message'];

export function createCore(deps: CoreDeps): Core {
  const { store, clock, log } = deps;
  const shutdown = new AbortController();
  const base = createFoundations(deps);
  const { sql, journal, runs, approvals, artifacts } = base;
  const labels = createLabels({ ...deps, ...base });
  const policy = createPolicy({ config: deps.config.policy, paths: deps.paths, clock });
  const rates = createRates(deps.config.rateLimits, { audit: base.audit, clock, log: log.child('rates') });
  const knownTools = (): readonly string[] => [...toolbox.byName.keys(), ...RISK_CLASSES];
  const made = { ...deps, ...base, policy, knownTools, manager: () => manager };
  const room = createAgentRoom(made);
  const { agentRuns } = room;
  const conversations = createConversations({ ...made, agentRuns, signal: shutdown.signal });
  const { sessions, inbox, lanes, lateInputs } = conversations;
  const mesh = createMesh({ ...made, ...conversations, ...room });
  const fleet = createFleet({ ...made, ...conversations, room });
  const toolbox: Toolbox = createToolbox([
    ...deps.actingTools({ artifacts, blobs: deps.blobs }),
    ...fleet.tools,
    ...mesh.tools.map((tool) => (MESH_OFTEN.includes(tool.name) ? tool : { ...tool, deferred: true })),
    ...labels.tools({ model: deps.model, artifacts }),
    createFindTools(() => [...toolbox.byName.values()]),
  ]);
  const followUps = createFollowUps({ ...made, ...labels, agentRuns, sessions, inbox: () => inbox });
  const onFinish: OnFinish = async (writer, raw) => {
    const event = cleanFinish(raw);
    const chat = finishChat(writer, event, { inbox, sessions });
    const rows = [approvals.closeOf(writer.runId), ...labels.onFinish(writer, event), ...chat];
    const after = [...(await followUps.statements(writer, event)), ...(await fleet.ended(writer, event))];
    return [...rows, ...after, ...(await mesh.flow.onFinish(writer, event))];
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
      await fleet.settled(writer);
      await deps.sandboxes.release(writer.runId);
      await network?.end({ ...writer.spec, runId: writer.runId }).catch(() => undefined); // The vault is down: nothing is lost there.
      await conversations.requeue(writer.runId);
      await mesh.flow.onSettled(writer.runId);
    },
    loop: createLoop({ ...deps, ...base, labels, lateInputs, toolbox, policy, rates, onFinish, watch: network }),
  });
  const supervision = superviseRuns({ ...deps, sql, journal, runs, manager });
  return {
    ...fleet,
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
    steering: conversations.steering,
    supervision,
    lateInputs,
    async recover() {
      const open = await recoverRuns({ runs, lanes, manager });
      for (const runId of await lateInputs.endedUnread()) await conversations.requeue(runId);
      await mesh.sweep();
      await fleet.resume();
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
      gate: createGate({ approvals, policy, rates, grants, flow: labels.flow, approvalExpiresAfterMs: expires, clock }),
      sandboxLabels: labels.sandboxLabels,
      quarantine: labels.quarantine,
      hostsOf: policy.hostsOf,
      sandboxOf,
      annotate: createAnnotate(deps.sandboxes, watch),
      live: {
        output: (runId, callId, stream, text) => journal.live({ type: 'tool.output', runId, callId, stream, text }),
        progress: (runId, callId, text) => journal.live({ type: 'tool.progress', runId, callId, text }),
      },
    },
    model: {
      model: deps.model,
      contextOf: createModelContext({ sessions: labels.transcripts, contextWindow: deps.contextWindow }),
      describe: (names, transcript) => toolbox.describe(visibleTools(names, { byName: toolbox.byName, transcript })),
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
