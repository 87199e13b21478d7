import { createHash } from 'node:crypto';
import type { Control, Principal, StreamListener } from '../../src/host/control.ts';
import type {
  AgentView,
  ApprovalView,
  ArtifactView,
  DoctorProbe,
  EventView,
  MessageView,
  RunView,
  SendMessage,
  SessionView,
  StatusView,
  WorkerTemplateView,
} from '../../src/protocol/api.ts';
import { HoldfastError } from '../../src/protocol/error.ts';
import type { JournalEvent, LiveEvent } from '../../src/protocol/event.ts';
import { OWNER_LABEL } from '../../src/protocol/label.ts';
import type { BudgetView } from '../../src/protocol/vault-api.ts';

/** A small, real `Control` over arrays: messages are answered when the test says so, events are what was recorded. */
export class ArrayControl implements Control {
  readonly stored: EventView[] = [];
  readonly messages: MessageView[] = [];
  readonly deciders: Principal[] = [];
  readonly listeners = new Set<StreamListener>();
  readonly sessionRows: SessionView[] = [session('ses_1')];
  readonly approvalRows: ApprovalView[] = [approval()];
  readonly content = new TextEncoder().encode('<script>alert(1)</script>');
  artifact: ArtifactView = {
    id: 'art_1',
    runId: 'run_1',
    name: 'report.html',
    bytes: 25,
    mediaType: 'text/html',
    createdAt: 1,
  };
  /** Runs before every page of `events`, so that a test can let things happen meanwhile. */
  beforePage: () => Promise<void> = async () => {};
  failure: unknown;

  record(event: JournalEvent, at: { sessionId?: string; runId?: string } = {}): EventView {
    const view: EventView = {
      seq: this.stored.length + 1,
      runId: at.runId ?? 'run_1',
      sessionId: at.sessionId ?? 'ses_1',
      agentId: 'operator',
      at: 1,
      event,
    };
    this.stored.push(view);
    for (const listener of this.listeners) listener.event(view);
    return view;
  }

  note(text: string, at: { sessionId?: string; runId?: string } = {}): EventView {
    return this.record({ type: 'input.received', source: 'host', text, label: OWNER_LABEL }, at);
  }

  say(live: LiveEvent): void {
    for (const listener of this.listeners) listener.live(live);
  }

  answer(id: string, text: string): void {
    const index = this.messages.findIndex((message) => message.id === id);
    const message = this.messages[index];
    if (message === undefined) throw new Error(`no message ${id}`);
    this.messages[index] = { ...message, state: 'answered', answer: text, finishedAt: 2 };
    this.note('answered');
  }

  async status(): Promise<StatusView> {
    if (this.failure !== undefined) throw this.failure;
    return {
      version: '0.1.0',
      pid: 1,
      startedAt: 1,
      home: '/home/ada/.holdfast',
      url: 'http://127.0.0.1:7420',
      state: 'ok',
      problems: [],
      model: 'simulator/tour',
      simulated: true,
      vault: null,
      sandbox: { launcher: 'bubblewrap', available: true, reason: '', remedy: '', limits: { memory: 'kernel' } },
      runs: { active: 0, waiting: 0 },
      overdue: [],
      pendingApprovals: 1,
      agents: 1,
      lastSeq: this.stored.length,
    };
  }

  async doctor(): Promise<DoctorProbe[]> {
    return [{ name: 'vault', ok: true, detail: 'answers', remedy: '', durationMs: 1 }];
  }

  async agents(): Promise<AgentView[]> {
    return [agent()];
  }

  async agent(id: string): Promise<AgentView> {
    if (id !== 'operator') throw new HoldfastError('not-found', `There is no agent ${id}.`);
    return agent();
  }

  async workerTemplates(): Promise<WorkerTemplateView[]> {
    return [
      {
        id: 'code',
        title: 'Code worker',
        description: '',
        tools: ['run_command'],
        maxSteps: 20,
        timeoutMs: 1,
        children: [],
        own: false,
      },
    ];
  }

  async send(agentId: string, message: SendMessage): Promise<MessageView> {
    await this.agent(agentId);
    const before = this.messages.find((known) => known.id === `msg_${message.clientMessageId}`);
    if (before) return before;
    const view: MessageView = {
      id: `msg_${message.clientMessageId ?? this.messages.length + 1}`,
      agentId,
      sessionId: message.sessionId ?? 'ses_1',
      runId: null,
      source: 'user',
      state: 'received',
      text: message.text,
      mergedInto: null,
      answer: null,
      error: null,
      receivedAt: 1,
      finishedAt: null,
    };
    this.messages.push(view);
    return view;
  }

  async message(id: string): Promise<MessageView> {
    return found(
      this.messages.find((message) => message.id === id),
      `message ${id}`,
    );
  }

  async sessions(): Promise<SessionView[]> {
    return this.sessionRows;
  }

  async createSession(agentId: string): Promise<SessionView> {
    await this.agent(agentId);
    this.sessionRows.push(session(`ses_${this.sessionRows.length + 1}`));
    return found(this.sessionRows.at(-1), 'session');
  }

  async history(sessionId: string, limit: number): Promise<MessageView[]> {
    return this.messages.filter((message) => message.sessionId === sessionId).slice(-limit);
  }

  async runs(): Promise<RunView[]> {
    return [run()];
  }

  async run(id: string): Promise<RunView> {
    return found(id === 'run_1' ? run() : undefined, `run ${id}`);
  }

  async cancelRun(id: string): Promise<RunView> {
    return { ...(await this.run(id)), state: 'cancelled' };
  }

  async approvals(): Promise<ApprovalView[]> {
    return this.approvalRows;
  }

  async decideApproval(id: string, decision: 'allow' | 'deny', principal: Principal): Promise<ApprovalView> {
    const row = found(
      this.approvalRows.find((item) => item.id === id),
      `approval ${id}`,
    );
    if (row.state !== 'pending') throw new HoldfastError('conflict', `Decided by ${row.decidedBy}.`);
    this.deciders.push(principal);
    row.state = decision === 'allow' ? 'allowed' : 'denied';
    row.decidedBy = principal.id;
    row.surface = principal.surface;
    return row;
  }

  async artifacts(): Promise<ArtifactView[]> {
    return [this.artifact];
  }

  async artifactContent(id: string): Promise<{ artifact: ArtifactView; bytes: Uint8Array }> {
    return { artifact: found(id === 'art_1' ? this.artifact : undefined, `artifact ${id}`), bytes: this.content };
  }

  async blob(hash: string): Promise<Uint8Array> {
    const own = createHash('sha256').update(this.content).digest('hex');
    return found(hash === own ? this.content : undefined, `blob ${hash}`);
  }

  async budgets(): Promise<BudgetView[]> {
    return [budget()];
  }

  async events(filter: Parameters<Control['events']>[0]): Promise<EventView[]> {
    const page = this.stored
      .filter((event) => event.seq > filter.after)
      .filter((event) => filter.runId === undefined || event.runId === filter.runId)
      .filter((event) => filter.sessionId === undefined || event.sessionId === filter.sessionId)
      .slice(0, filter.limit);
    await this.beforePage();
    return page;
  }

  subscribe(listener: StreamListener): Disposable {
    this.listeners.add(listener);
    return { [Symbol.dispose]: () => void this.listeners.delete(listener) };
  }
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new HoldfastError('not-found', `There is no ${what}.`);
  return value;
}

function budget(): BudgetView {
  return {
    agent: 'operator',
    caps: { dailyUsd: 5, monthlyUsd: null },
    spentTodayUsd: 0,
    spentThisMonthUsd: 0,
    reservedUsd: 0,
    callsToday: 0,
  };
}

function agent(): AgentView {
  return {
    id: 'operator',
    role: '',
    status: 'active',
    team: null,
    title: 'Operator',
    kind: 'operator',
    description: '',
    model: 'simulator/tour',
    simulated: true,
    tools: [],
    state: 'idle',
    budget: budget(),
    createdAt: 1,
  };
}

function session(id: string): SessionView {
  return {
    id,
    agentId: 'operator',
    channel: 'api',
    title: '',
    active: true,
    mode: 'queue',
    createdAt: 1,
    lastMessageAt: null,
  };
}

function run(): RunView {
  return {
    id: 'run_1',
    kind: 'chat',
    agentId: 'operator',
    sessionId: 'ses_1',
    parentRunId: null,
    template: null,
    state: 'done',
    waitingFor: null,
    title: '',
    model: 'simulator/tour',
    steps: 1,
    toolCalls: 0,
    costUsd: 0,
    result: { kind: 'result', text: 'hello', artifacts: [] },
    error: null,
    createdAt: 1,
    startedAt: 1,
    finishedAt: 2,
  };
}

function approval(): ApprovalView {
  return {
    id: 'apr_1',
    runId: 'run_1',
    agentId: 'operator',
    sessionId: 'ses_1',
    card: { title: 'Read a folder', facts: [{ name: 'folder', value: '/home/ada' }], risk: 'sandbox-read' },
    state: 'pending',
    requestedAt: 1,
    expiresAt: 2,
    decidedBy: null,
    surface: null,
  };
}
