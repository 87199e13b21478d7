import { type AgentView, MAX_LIST, type MessageView, type RunView, type SendMessage } from '../../protocol/api.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { isAtLeast, OWNER_PERSON } from '../../protocol/people.ts';
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
import type { Ownership } from '../people/ownership.ts';
import type { Roster } from '../people/roster.ts';
import type { Shares } from '../people/shares.ts';
import type { RunManager } from '../runs/run-manager.ts';
import type { RunStore, SeenBy } from '../runs/run-store.ts';
import type { Steering } from '../steering/steering.ts';
import type { VaultClient } from '../vault-client/vault-client.ts';
import type { WorkerTemplates } from '../workers/template-store.ts';
import {
  statusForViewer,
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
  readonly templates: Pick<WorkerTemplates, 'all' | 'refresh' | 'isOwn'>;
  readonly vault: VaultClient;
  readonly defaultModel: () => string;
  readonly frozen: FrozenSet;
  readonly chatWord: ChatWord;
  readonly people: { readonly roster: Roster; readonly shares: Shares; readonly ownership: Ownership };
  readonly status: Control['status'];
  readonly doctor: Control['doctor'];
}

/** A person's own surfaces (terminal, dashboard, programs) are one chat: what is said in one is seen in the others. */
const ownChat = (agentId: string, person: string): Chat => ({
  agentId,
  channel: 'local',
  chatId: person,
  principal: person,
});

const personOf = ({ id, person }: Principal): string => person ?? (id.startsWith('tok_') ? OWNER_PERSON : id);

export function createControl(deps: ControlDeps): Control {
  const seenBy = (viewer: string | undefined): SeenBy | undefined =>
    viewer === undefined ? undefined : { person: viewer, sessions: deps.people.shares.sessionsFor(viewer) };
  const replies = createReplies(deps.approvals);
  const view = async (row: InboxTable): Promise<MessageView> => {
    const shown = toMessageView(row, row.state === 'received' ? await deps.runs.find(row.run_id) : undefined);
    const frozen = row.finished_at === null ? deps.frozen.of(row.agent_id) : undefined;
    return frozen === undefined ? shown : { ...shown, paused: paused(frozen) };
  };
  return {
    status: async (viewer) => {
      const whole = await deps.status();
      return viewer === undefined ? whole : statusForViewer(whole);
    },
    doctor: deps.doctor,
    ...agentMethods(deps, seenBy),
    ...runMethods(deps, seenBy),
    async send(agentId, message, principal) {
      const agent = await deps.agents.get(agentId);
      const person = personOf(principal);
      const session = await sessionFor(agent.id, { sessionId: message.sessionId, person }, deps);
      const word = await deps.chatWord.answer(message.text, principal);
      const reply = await replies.take(message.text, principal);
      if (reply !== undefined) return await view(await noteReply(reply, { session, message, principal, deps }));
      const received = await deps.inbox.receive({
        channel: session.channel,
        platformMessageId: ownMessageId(message.clientMessageId, person),
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
    sessions: async (agentId, viewer) => (await deps.sessions.list(agentId, seenBy(viewer))).map(toSessionView),
    async createSession(agentId, principal) {
      const agent = await deps.agents.get(agentId);
      return toSessionView(await deps.sessions.begin(ownChat(agent.id, personOf(principal))));
    },
    async history(sessionId, limit) {
      await deps.sessions.get(sessionId);
      return await Promise.all((await deps.inbox.history(sessionId, limit)).map(view));
    },
    approvals: async (state, principal, viewer) => {
      const rows = await deps.approvals.list(state);
      const seen = await Promise.all(rows.map((row) => maySee(deps, row.run_id, viewer)));
      return rows
        .filter((_row, index) => seen[index])
        .map((row) =>
          principal !== undefined && deps.approvals.mayDecide(principal, row) ? withNonce(row) : toApprovalView(row),
        );
    },
    async decideApproval(id, decision, principal) {
      return toApprovalView(await deps.approvals.decide(id, decision === 'allow' ? 'allowed' : 'denied', principal));
    },
    artifacts: async (runId, viewer) => (await deps.artifacts.list(runId, seenBy(viewer))).map(toArtifactView),
    async artifactContent(id) {
      const row = await deps.artifacts.get(id);
      return { artifact: toArtifactView(row), bytes: await deps.blobs.get(row.blob) };
    },
    blob: (hash) => deps.blobs.get(hash),
    budgets: async () => [...(await deps.vault.budgets())],
    events: async ({ viewer, ...filter }) =>
      (await deps.journal.read({ ...filter, seenBy: seenBy(viewer) })).map(toEventView),
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
  const platformMessageId = ownMessageId(message.clientMessageId, personOf(principal));
  const inbound = { channel: session.channel, platformMessageId, session, principal: principal.id, text: said };
  return await deps.inbox.note(inbound, told);
}

interface Wanted {
  readonly sessionId: string | undefined;
  readonly person: string;
}

/** Only its own person writes to a session, and whoever runs the install. To others it is not there. */
async function sessionFor(agentId: string, { sessionId, person }: Wanted, deps: ControlDeps): Promise<SessionsTable> {
  if (sessionId === undefined) return await deps.sessions.active(ownChat(agentId, person));
  const session = await deps.sessions.get(sessionId);
  const role = deps.people.roster.get(person)?.role ?? 'viewer';
  if (session.principal !== person && !isAtLeast(role, 'admin'))
    throw new HoldfastError('not-found', `There is no session ${sessionId}.`);
  if (session.agent_id === agentId) return session;
  throw new HoldfastError('bad-request', `The session ${sessionId} belongs to ${session.agent_id}, not to ${agentId}.`);
}

/** Two people may choose the same id for a message; they must not find each other's by it. */
function ownMessageId(clientMessageId: string | undefined, person: string): string | undefined {
  return clientMessageId === undefined || person === OWNER_PERSON ? clientMessageId : `${person}:${clientMessageId}`;
}

async function maySee({ people }: ControlDeps, runId: string, viewer: string | undefined): Promise<boolean> {
  return viewer === undefined || (await people.ownership.sees(viewer, { of: 'run', id: runId, own: false }));
}

type Seen = (viewer: string | undefined) => SeenBy | undefined;

function agentMethods(deps: ControlDeps, seenBy: Seen): Pick<Control, 'agents' | 'agent' | 'workerTemplates'> {
  const toView = async (agent: Agent, viewer: string | undefined): Promise<AgentView> => {
    const model = agent.model ?? deps.defaultModel();
    const open = await deps.runs.list({ agentId: agent.id, active: true, seenBy: seenBy(viewer), limit: 500 });
    const working = open.some((run) => run.state === 'running' || run.state === 'queued');
    const budgets =
      viewer === undefined ? await deps.vault.budgets(agent.id, AbortSignal.timeout(2_000)).catch(() => []) : [];
    return toAgentView(agent, {
      model,
      simulated: splitModelRef(model).provider === SIMULATOR_PROVIDER,
      state: working ? 'working' : open.length > 0 ? 'waiting' : 'idle',
      budget: budgets[0],
    });
  };
  return {
    agents: async (viewer) =>
      await Promise.all((await deps.agents.list()).slice(0, MAX_LIST).map((agent) => toView(agent, viewer))),
    agent: async (id, viewer) => await toView(await deps.agents.get(id), viewer),
    async workerTemplates() {
      await deps.templates.refresh();
      return deps.templates.all().map((template) => toTemplateView(template, deps.templates.isOwn(template.id)));
    },
  };
}

function runMethods(deps: ControlDeps, seenBy: Seen): Pick<Control, 'runs' | 'run' | 'cancelRun'> {
  const run = async (id: string): Promise<RunView> => toRunView(await deps.runs.get(id));
  return {
    runs: async ({ viewer, ...filter }) => (await deps.runs.list({ ...filter, seenBy: seenBy(viewer) })).map(toRunView),
    run,
    async cancelRun(id: string, principal: Principal) {
      await deps.manager.cancel(id, `Cancelled by ${principal.id} (${principal.surface}).`);
      return await run(id);
    },
  };
}
