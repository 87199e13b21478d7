import { type AgentView, MAX_LIST, type MessageView, type RunView, type SendMessage } from '../../protocol/api.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { SIMULATOR_PROVIDER, splitModelRef } from '../../protocol/provider.ts';
import type { BlobStore } from '../../storage/blob-store.ts';
import type { Agent } from '../agents/agent.ts';
import type { Agents } from '../agents/agents.ts';
import type { Approvals } from '../approvals/approvals.ts';
import { createReplies, type Reply } from '../approvals/replies.ts';
import type { Artifacts } from '../artifacts/artifacts.ts';
import type { Control, Principal } from '../control.ts';
import type { ChatWord } from '../freeze/chat-word.ts';
import { type FrozenSet, paused } from '../freeze/frozen-set.ts';
import type { Inbox } from '../inbox/inbox.ts';
import type { Lanes } from '../inbox/lanes.ts';
import type { Chat, Sessions } from '../inbox/sessions.ts';
import type { InboxTable, SessionsTable } from '../inbox/tables.ts';
import type { Journal } from '../journal/journal.ts';
import type { RunManager } from '../runs/run-manager.ts';
import type { RunStore } from '../runs/run-store.ts';
import type { Steering } from '../steering/steering.ts';
import type { VaultClient } from '../vault-client/vault-client.ts';
import type { WorkerTemplate } from '../workers/templates.ts';
import {
  toAgentView,
  toApprovalView,
  toArtifactView,
  toEventView,
  toMessageView,
  toRunView,
  toSessionView,
  toTemplateView,
  withNonce,
} from './views.ts';

export interface ControlDeps {
  readonly agents: Agents;
  readonly approvals: Approvals;
  readonly artifacts: Artifacts;
  readonly blobs: BlobStore;
  readonly inbox: Inbox;
  readonly sessions: Sessions;
  readonly lanes: Lanes;
  readonly journal: Journal;
  readonly manager: RunManager;
  readonly runs: RunStore;
  readonly steering: Steering;
  readonly templates: readonly WorkerTemplate[];
  readonly vault: VaultClient;
  readonly defaultModel: () => string;
  readonly frozen: FrozenSet;
  readonly chatWord: ChatWord;
  readonly status: Control['status'];
  readonly doctor: Control['doctor'];
}

/** The owner's own surfaces (terminal, dashboard, programs) are one chat: what is said in one is seen in the others. */
const ownerChat = (agentId: string): Chat => ({ agentId, channel: 'local', chatId: 'owner' });

export function createControl(deps: ControlDeps): Control {
  const replies = createReplies(deps.approvals);
  const view = async (row: InboxTable): Promise<MessageView> => {
    const shown = toMessageView(row, row.state === 'received' ? await deps.runs.find(row.run_id) : undefined);
    const frozen = row.finished_at === null ? deps.frozen.of(row.agent_id) : undefined;
    return frozen === undefined ? shown : { ...shown, paused: paused(frozen) };
  };
  return {
    status: deps.status,
    doctor: deps.doctor,
    ...agentMethods(deps),
    ...runMethods(deps),
    async send(agentId, message, principal) {
      const agent = await deps.agents.get(agentId);
      const session = await sessionFor(agent.id, message.sessionId, deps.sessions);
      const word = await deps.chatWord.answer(message.text, principal);
      const reply = await replies.take(message.text, principal);
      if (reply !== undefined) return await view(await noteReply(reply, { session, message, principal, deps }));
      const received = await deps.inbox.receive({
        channel: session.channel,
        platformMessageId: message.clientMessageId,
        session,
        principal: principal.id,
        text: message.text,
        mode: message.mode,
        ...(word === undefined ? {} : { answer: word }),
      });
      const { isNew, message: row } = received;
      if (isNew && row.run_id !== '' && row.mode === 'queue') {
        deps.lanes.add(session.id, row.run_id);
        if ((message.mode ?? session.mode) === 'interrupt')
          await deps.steering.interrupt({ sessionId: session.id, runId: row.run_id }, principal);
      }
      return await view(received.message);
    },
    message: async (id) => await view(await deps.inbox.get(id)),
    sessions: async (agentId) => (await deps.sessions.list(agentId)).map(toSessionView),
    async createSession(agentId) {
      const agent = await deps.agents.get(agentId);
      return toSessionView(await deps.sessions.begin(ownerChat(agent.id)));
    },
    async history(sessionId, limit) {
      await deps.sessions.get(sessionId);
      return await Promise.all((await deps.inbox.history(sessionId, limit)).map(view));
    },
    approvals: async (state, principal) =>
      (await deps.approvals.list(state)).map((row) =>
        principal !== undefined && deps.approvals.mayDecide(principal, row) ? withNonce(row) : toApprovalView(row),
      ),
    async decideApproval(id, decision, principal) {
      return toApprovalView(await deps.approvals.decide(id, decision === 'allow' ? 'allowed' : 'denied', principal));
    },
    artifacts: async (runId) => (await deps.artifacts.list(runId)).map(toArtifactView),
    async artifactContent(id) {
      const row = await deps.artifacts.get(id);
      return { artifact: toArtifactView(row), bytes: await deps.blobs.get(row.blob) };
    },
    blob: (hash) => deps.blobs.get(hash),
    budgets: async () => [...(await deps.vault.budgets())],
    events: async (filter) => (await deps.journal.read(filter)).map(toEventView),
    subscribe: (listener) =>
      deps.journal.subscribe({
        event: (stored) => listener.event(toEventView(stored)),
        live: (event) => listener.live(event),
      }),
  };
}

interface ReplyTo {
  readonly session: SessionsTable;
  readonly message: SendMessage;
  readonly principal: Principal;
  readonly deps: ControlDeps;
}

/** An answer to a question is kept in the conversation, and no run comes of it. */
async function noteReply({ said, told }: Reply, { session, message, principal, deps }: ReplyTo): Promise<InboxTable> {
  const { clientMessageId: platformMessageId } = message;
  const inbound = { channel: session.channel, platformMessageId, session, principal: principal.id, text: said };
  return await deps.inbox.note(inbound, told);
}

async function sessionFor(agentId: string, sessionId: string | undefined, sessions: Sessions): Promise<SessionsTable> {
  if (sessionId === undefined) return await sessions.active(ownerChat(agentId));
  const session = await sessions.get(sessionId);
  if (session.agent_id === agentId) return session;
  throw new HoldfastError('bad-request', `The session ${sessionId} belongs to ${session.agent_id}, not to ${agentId}.`);
}

function agentMethods(deps: ControlDeps): Pick<Control, 'agents' | 'agent' | 'workerTemplates'> {
  const toView = async (agent: Agent): Promise<AgentView> => {
    const model = agent.model ?? deps.defaultModel();
    const open = await deps.runs.list({ agentId: agent.id, active: true, limit: 500 });
    const working = open.some((run) => run.state === 'running' || run.state === 'queued');
    const budgets = await deps.vault.budgets(agent.id, AbortSignal.timeout(2_000)).catch(() => []);
    return toAgentView(agent, {
      model,
      simulated: splitModelRef(model).provider === SIMULATOR_PROVIDER,
      state: working ? 'working' : open.length > 0 ? 'waiting' : 'idle',
      budget: budgets[0],
    });
  };
  return {
    agents: async () => await Promise.all((await deps.agents.list()).slice(0, MAX_LIST).map(toView)),
    agent: async (id) => await toView(await deps.agents.get(id)),
    workerTemplates: async () => deps.templates.map(toTemplateView),
  };
}

function runMethods(deps: ControlDeps): Pick<Control, 'runs' | 'run' | 'cancelRun'> {
  const run = async (id: string): Promise<RunView> => toRunView(await deps.runs.get(id));
  return {
    runs: async (filter) => (await deps.runs.list(filter)).map(toRunView),
    run,
    async cancelRun(id: string, principal: Principal) {
      await deps.manager.cancel(id, `Cancelled by ${principal.id} (${principal.surface}).`);
      return await run(id);
    },
  };
}
