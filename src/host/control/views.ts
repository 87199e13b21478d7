import type {
  AgentView,
  ApprovalView,
  ArtifactView,
  EventView,
  MessageView,
  RunView,
  SessionView,
  StatusView,
  WorkerTemplateView,
} from '../../protocol/api.ts';
import { ErrorInfo, type StoredEvent } from '../../protocol/event.ts';
import { LaneMode } from '../../protocol/lane-mode.ts';
import { RunKind, RunResult, RunState } from '../../protocol/run.ts';
import type { BudgetView } from '../../protocol/vault-api.ts';
import type { Agent } from '../agents/agent.ts';
import { cardOf } from '../approvals/approvals.ts';
import type { ApprovalsTable } from '../approvals/tables.ts';
import type { ArtifactsTable } from '../artifacts/tables.ts';
import { offersIn } from '../grants/grants.ts';
import type { InboxTable, SessionsTable } from '../inbox/tables.ts';
import type { RunsTable } from '../runs/tables.ts';
import { HOST_PRINCIPAL } from '../workers/follow-up.ts';
import type { WorkerTemplate } from '../workers/templates.ts';

/** How rows look from outside. Only here do column names meet the API's names. */
const errorOf = (json: string | null): { code: string; message: string; remedy?: string } | null => {
  if (json === null) return null;
  const { code, message, remedy } = ErrorInfo.parse(JSON.parse(json));
  return remedy === undefined ? { code, message } : { code, message, remedy };
};

export function toRunView(row: RunsTable): RunView {
  return {
    id: row.id,
    kind: RunKind.parse(row.kind),
    agentId: row.agent_id,
    sessionId: row.session_id,
    parentRunId: row.parent_run_id,
    template: row.template,
    state: RunState.parse(row.state),
    waitingFor: row.waiting_for,
    title: row.title,
    model: row.model,
    steps: row.steps,
    toolCalls: row.tool_calls,
    costUsd: row.cost_usd,
    result: row.result === null ? null : RunResult.parse(JSON.parse(row.result)),
    error: errorOf(row.error),
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}

/** A message is `running` from the moment its run is; the row itself only knows received and ended. */
export function toMessageView(row: InboxTable, run: RunsTable | undefined): MessageView {
  const running = row.state === 'received' && run !== undefined && run.state !== 'queued';
  return {
    id: row.id,
    agentId: row.agent_id,
    sessionId: row.session_id,
    runId: row.run_id === '' ? null : row.run_id,
    source: row.principal === HOST_PRINCIPAL ? 'host' : 'user',
    state: running ? 'running' : messageState(row.state),
    text: row.text,
    mergedInto: row.merged_into,
    answer: row.answer,
    error: errorOf(row.error),
    receivedAt: row.received_at,
    finishedAt: row.finished_at,
  };
}

function messageState(state: string): MessageView['state'] {
  if (state === 'answered' || state === 'refused' || state === 'failed') return state;
  return 'received';
}

export function toSessionView(row: SessionsTable): SessionView {
  return {
    id: row.id,
    agentId: row.agent_id,
    channel: row.channel,
    title: row.title === '' ? 'New conversation' : row.title,
    active: row.active === 1,
    mode: laneMode(row),
    createdAt: row.created_at,
    lastMessageAt: row.last_message_at,
  };
}

/** A session whose row says something newer than this program knows waits its turn. */
export function laneMode(row: SessionsTable): LaneMode {
  return LaneMode.catch('queue').parse(row.mode);
}

export function toApprovalView(row: ApprovalsTable): ApprovalView {
  const state = row.state === 'allowed' || row.state === 'denied' || row.state === 'expired' ? row.state : 'pending';
  return {
    id: row.id,
    runId: row.run_id,
    agentId: row.agent_id,
    sessionId: row.session_id,
    card: cardOf(row),
    state,
    requestedAt: row.requested_at,
    expiresAt: row.expires_at,
    decidedBy: row.decided_by,
    surface: row.surface,
    offers: offersIn(row).map(({ width, words }) => ({ width, words })),
  };
}

/** For whoever may answer it. */
export function withNonce(row: ApprovalsTable): ApprovalView {
  const view = toApprovalView(row);
  return row.nonce === null ? view : { ...view, nonce: row.nonce };
}

export function toArtifactView(row: ArtifactsTable): ArtifactView {
  return {
    id: row.id,
    runId: row.run_id,
    name: row.name,
    bytes: row.bytes,
    mediaType: row.media_type,
    createdAt: row.created_at,
  };
}

export function toEventView(stored: StoredEvent): EventView {
  return {
    seq: stored.seq,
    runId: stored.runId ?? null,
    sessionId: stored.sessionId ?? null,
    agentId: stored.agentId ?? null,
    at: stored.at,
    event: stored.event,
  };
}

export function toTemplateView(template: WorkerTemplate, own: boolean): WorkerTemplateView {
  return {
    id: template.id,
    title: template.title,
    description: template.description,
    tools: template.tools,
    maxSteps: template.max_steps,
    timeoutMs: template.timeout_seconds * 1_000,
    children: template.children,
    own,
  };
}

export interface AgentFacts {
  readonly model: string;
  readonly simulated: boolean;
  readonly state: AgentView['state'];
  readonly budget: BudgetView | undefined;
}

export function toAgentView(agent: Agent, facts: AgentFacts): AgentView {
  return {
    id: agent.id,
    title: agent.title,
    kind: agent.kind,
    description: agent.description,
    model: facts.model,
    simulated: facts.simulated,
    tools: agent.tools,
    state: facts.state,
    budget: facts.budget ?? null,
    createdAt: agent.createdAt,
    role: agent.role,
    status: agent.status,
    team: agent.team,
  };
}

/** What somebody who uses an install may know of it: that it works, and what is paused. Nothing of what others do. */
export function statusForViewer(status: StatusView): StatusView {
  const { version, startedAt, url, model, simulated, sandbox, frozen, lastSeq, agents } = status;
  return {
    ...{ version, startedAt, url, model, simulated, sandbox, agents, lastSeq },
    ...(frozen === undefined ? {} : { frozen }),
    pid: 0,
    home: '',
    state: frozen === undefined || frozen.length === 0 ? 'ok' : 'degraded',
    problems: [],
    vault: null,
    runs: { active: 0, waiting: 0 },
    overdue: [],
    pendingApprovals: 0,
  };
}
