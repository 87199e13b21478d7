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
} from '../protocol/api.ts';
import type { LiveEvent } from '../protocol/event.ts';
import type { GrantChoice } from '../protocol/grant.ts';
import type { BudgetView } from '../protocol/vault-api.ts';

/** Who asks. Every call of the API carries one. */
export interface Principal {
  readonly id: string;
  /** `cli`, `web`, `token`, or the name of a channel. */
  readonly surface: string;
  /** The person it is done for, when that is not the one who asks: a key's person. */
  readonly person?: string | undefined;
}

/**
 * All that the HTTP API (and so every client) can see and do. Methods that name something absent throw `not-found`.
 * `limit` is at most 500; lists are newest first unless said otherwise.
 */
export interface Control {
  /** `viewer` here and below: the person whose eyes it has to be; absent: all is seen. */
  status(viewer?: string): Promise<StatusView>;
  /** Probes each part for real and names the broken hop with its remedy. */
  doctor(): Promise<DoctorProbe[]>;
  agents(viewer?: string): Promise<AgentView[]>;
  agent(id: string, viewer?: string): Promise<AgentView>;
  workerTemplates(): Promise<WorkerTemplateView[]>;
  /** Persists the message before it returns; the run goes on by itself. Repeating a clientMessageId returns the same message. */
  send(agentId: string, message: SendMessage, principal: Principal): Promise<MessageView>;
  message(id: string): Promise<MessageView>;
  sessions(agentId: string | undefined, viewer?: string): Promise<SessionView[]>;
  createSession(agentId: string, principal: Principal): Promise<SessionView>;
  /** Oldest first. */
  history(sessionId: string, limit: number): Promise<MessageView[]>;
  runs(filter: {
    agentId?: string;
    sessionId?: string;
    parentRunId?: string;
    active?: boolean;
    viewer?: string | undefined;
    limit: number;
  }): Promise<RunView[]>;
  run(id: string): Promise<RunView>;
  cancelRun(id: string, principal: Principal): Promise<RunView>;
  /** With the words that answer them, where the principal may. */
  approvals(state: 'pending' | 'all', principal?: Principal, viewer?: string): Promise<ApprovalView[]>;
  /** First answer wins; a later one gets `conflict` with who decided. */
  decideApproval(
    id: string,
    decision: 'allow' | 'deny',
    principal: Principal & { readonly grant?: GrantChoice | undefined },
  ): Promise<ApprovalView>;
  artifacts(runId: string | undefined, viewer?: string): Promise<ArtifactView[]>;
  artifactContent(id: string): Promise<{ artifact: ArtifactView; bytes: Uint8Array }>;
  /** The whole bytes of a tool output that the journal only references. */
  blob(hash: string): Promise<Uint8Array>;
  budgets(): Promise<BudgetView[]>;
  /** Stored events after `seq`, oldest first, at most `limit`. */
  events(filter: {
    after: number;
    sessionId?: string;
    runId?: string;
    viewer?: string | undefined;
    limit: number;
  }): Promise<EventView[]>;
  /** Calls back for each stored event in order and for each live one. Disposing ends it. */
  subscribe(listener: StreamListener): Disposable;
}

export interface StreamListener {
  event(event: EventView): void;
  live(live: LiveEvent): void;
}
