import type {
  AgentView,
  ApprovalView,
  ArtifactView,
  DoctorProbe,
  EventView,
  LoginLink,
  MessageView,
  NewToken,
  RunView,
  SendMessage,
  SessionView,
  StatusView,
  StreamMessage,
  TokenView,
  WorkerTemplateView,
} from '../protocol/api.ts';
import { HoldfastError } from '../protocol/error.ts';
import type { LaneMode } from '../protocol/lane-mode.ts';
import type { BudgetView } from '../protocol/vault-api.ts';
import type { EventsOptions } from './api-events.ts';
import { type ApiRequest, request } from './api-request.ts';
import type { ApiTarget } from './api-target.ts';
import { createPolicyClient, type PolicyClient } from './policy-client.ts';
import { rawGet } from './raw-get.ts';

/**
 * The host's API as methods; they mirror `Control`. Every reply is checked against its schema except `status`, which
 * must cost no more than a bare start of Node: its path loads neither zod nor `node:http`. Refusals are thrown as the
 * `HoldfastError` that the host described; a host that is not there is `host.unreachable`.
 */
export interface ApiClient extends PolicyClient {
  status(): Promise<StatusView>;
  /** Probes every part for real; takes a while. */
  doctor(): Promise<DoctorProbe[]>;
  agents(): Promise<AgentView[]>;
  agent(id: string): Promise<AgentView>;
  workerTemplates(): Promise<WorkerTemplateView[]>;
  send(agentId: string, message: SendMessage): Promise<MessageView>;
  /** With `waitMs` (at most 60,000) the host answers when the message has ended or the time is up. */
  message(id: string, options?: { waitMs?: number; signal?: AbortSignal }): Promise<MessageView>;
  /** Sends and waits, however long it takes, until the message is answered, refused or failed. */
  sendAndWait(agentId: string, message: SendMessage, signal?: AbortSignal): Promise<MessageView>;
  sessions(agentId?: string): Promise<SessionView[]>;
  createSession(agentId: string): Promise<SessionView>;
  /** Oldest first. */
  history(sessionId: string, limit?: number): Promise<MessageView[]>;
  runs(filter?: RunFilter): Promise<RunView[]>;
  run(id: string): Promise<RunView>;
  runEvents(runId: string, options?: { after?: number; limit?: number }): Promise<EventView[]>;
  cancelRun(id: string): Promise<RunView>;
  /** Any other route: rooms with routes of their own bring the shape of the reply. */
  ask<T>(shape: Shape<T>, request: ApiRequest): Promise<T>;
  /** What the agent works on and what waits, oldest first. */
  queue(agentId: string): Promise<RunView[]>;
  setSessionMode(sessionId: string, mode: LaneMode): Promise<void>;
  approvals(state?: 'pending' | 'all'): Promise<ApprovalView[]>;
  decideApproval(id: string, decision: 'allow' | 'deny'): Promise<ApprovalView>;
  artifacts(runId?: string): Promise<ArtifactView[]>;
  artifactContent(id: string): Promise<Buffer>;
  blob(hash: string): Promise<Buffer>;
  budgets(): Promise<BudgetView[]>;
  tokens(): Promise<TokenView[]>;
  createToken(note?: string): Promise<NewToken>;
  revokeToken(id: string): Promise<void>;
  /** A one-time link that signs a browser in. Only over the unix socket. */
  createLoginLink(): Promise<LoginLink>;
  /** The host's copy of its own database, for a backup: the path of it. Only over the unix socket. */
  copyDatabase(): Promise<string>;
  events(options?: EventsOptions): AsyncGenerator<StreamMessage>;
}

export interface RunFilter {
  readonly agentId?: string;
  readonly sessionId?: string;
  readonly parentRunId?: string;
  readonly active?: boolean;
  readonly limit?: number;
}

const LONGEST_WAIT_MS = 60_000;
const part = encodeURIComponent;

export function createApiClient(target: ApiTarget): ApiClient {
  const call = caller(target);
  const message: ApiClient['message'] = (id, { waitMs, signal } = {}) =>
    call((api) => api.MessageView, {
      method: 'GET',
      path: withQuery(`/api/messages/${part(id)}`, { wait: waitMs }),
      signal,
    });
  const send = (agentId: string, body: SendMessage): Promise<MessageView> =>
    call((api) => api.MessageView, { method: 'POST', path: `/api/agents/${part(agentId)}/messages`, body });
  return {
    status: async () => parseStatus(await rawGet(target, '/api/status')),
    doctor: () => call((api) => api.DoctorProbe.array(), { method: 'POST', path: '/api/doctor' }),
    send,
    message,
    sendAndWait: async (agentId, body, signal) => {
      let view = await send(agentId, body);
      while (view.state === 'received' || view.state === 'running') {
        view = await message(view.id, { waitMs: LONGEST_WAIT_MS, ...(signal ? { signal } : {}) });
      }
      return view;
    },
    ...conversations(call),
    ...work(target, call),
    ...content(target, call),
    ...keys(target, call),
    ...createPolicyClient(target),
    ask: (shape, options) => call(() => shape, options),
    events: async function* (options) {
      const { streamEvents } = await import('./api-events.ts');
      yield* streamEvents(target, options);
    },
  };
}

/** `status` is our own host's reply and is trusted: checking it would load zod. */
function parseStatus(body: string): StatusView {
  return JSON.parse(body) as StatusView;
}

type Api = typeof import('../protocol/api.ts');
export interface Shape<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: Error };
  array(): Shape<T[]>;
}
type Call = <T>(schema: (api: Api) => Shape<T>, options: ApiRequest) => Promise<T>;

function caller(target: ApiTarget): Call {
  return async (schema, options) => {
    const [api, body] = await Promise.all([import('../protocol/api.ts'), request(target, options)]);
    const parsed = schema(api).safeParse(JSON.parse(body.toString('utf8')));
    if (parsed.success) return parsed.data;
    throw new HoldfastError('internal', `The host's reply to ${options.path} has a shape this program does not know.`, {
      remedy: 'The host and this program may be of different versions: `holdfast restart`.',
      cause: parsed.error,
    });
  };
}

function conversations(
  call: Call,
): Pick<ApiClient, 'agents' | 'agent' | 'workerTemplates' | 'sessions' | 'createSession' | 'history'> {
  return {
    agents: () => call((api) => api.AgentView.array(), { method: 'GET', path: '/api/agents' }),
    agent: (id) => call((api) => api.AgentView, { method: 'GET', path: `/api/agents/${part(id)}` }),
    workerTemplates: () =>
      call((api) => api.WorkerTemplateView.array(), { method: 'GET', path: '/api/worker-templates' }),
    sessions: (agentId) =>
      call((api) => api.SessionView.array(), { method: 'GET', path: withQuery('/api/sessions', { agentId }) }),
    createSession: (agentId) =>
      call((api) => api.SessionView, { method: 'POST', path: '/api/sessions', body: { agentId } }),
    history: (sessionId, limit) =>
      call((api) => api.MessageView.array(), {
        method: 'GET',
        path: withQuery(`/api/sessions/${part(sessionId)}/history`, { limit }),
      }),
  };
}

type Work =
  | 'runs'
  | 'run'
  | 'runEvents'
  | 'cancelRun'
  | 'queue'
  | 'setSessionMode'
  | 'approvals'
  | 'decideApproval'
  | 'budgets';

function work(target: ApiTarget, call: Call): Pick<ApiClient, Work> {
  return {
    runs: (filter = {}) =>
      call((api) => api.RunView.array(), { method: 'GET', path: withQuery('/api/runs', { ...filter }) }),
    run: (id) => call((api) => api.RunView, { method: 'GET', path: `/api/runs/${part(id)}` }),
    runEvents: (id, options = {}) =>
      call((api) => api.EventView.array(), {
        method: 'GET',
        path: withQuery(`/api/runs/${part(id)}/events`, { ...options }),
      }),
    cancelRun: (id) => call((api) => api.RunView, { method: 'POST', path: `/api/runs/${part(id)}/cancel` }),
    approvals: (state) =>
      call((api) => api.ApprovalView.array(), { method: 'GET', path: withQuery('/api/approvals', { state }) }),
    decideApproval: (id, decision) =>
      call((api) => api.ApprovalView, { method: 'POST', path: `/api/approvals/${part(id)}`, body: { decision } }),
    queue: (agentId) =>
      call((api) => api.RunView.array(), { method: 'GET', path: `/api/agents/${part(agentId)}/queue` }),
    setSessionMode: async (sessionId, mode) =>
      void (await request(target, { method: 'PUT', path: `/api/sessions/${part(sessionId)}/mode`, body: { mode } })),
    budgets: async () => {
      const { BudgetView } = await import('../protocol/vault-api.ts');
      return call(() => BudgetView.array(), { method: 'GET', path: '/api/budgets' });
    },
  };
}

function content(target: ApiTarget, call: Call): Pick<ApiClient, 'artifacts' | 'artifactContent' | 'blob'> {
  return {
    artifacts: (runId) =>
      call((api) => api.ArtifactView.array(), { method: 'GET', path: withQuery('/api/artifacts', { runId }) }),
    artifactContent: (id) => request(target, { method: 'GET', path: `/api/artifacts/${part(id)}/content` }),
    blob: (hash) => request(target, { method: 'GET', path: `/api/blobs/${part(hash)}` }),
  };
}

function keys(
  target: ApiTarget,
  call: Call,
): Pick<ApiClient, 'tokens' | 'createToken' | 'revokeToken' | 'createLoginLink' | 'copyDatabase'> {
  return {
    tokens: () => call((api) => api.TokenView.array(), { method: 'GET', path: '/api/tokens' }),
    createToken: (note = '') => call((api) => api.NewToken, { method: 'POST', path: '/api/tokens', body: { note } }),
    revokeToken: async (id) => {
      await request(target, { method: 'DELETE', path: `/api/tokens/${part(id)}` });
    },
    copyDatabase: async () => {
      const body = await request(target, { method: 'POST', path: '/api/database-copies' });
      return (JSON.parse(body.toString('utf8')) as { file: string }).file;
    },
    createLoginLink: () => call((api) => api.LoginLink, { method: 'POST', path: '/api/login-links' }),
  };
}

function withQuery(path: string, query: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${part(name)}=${part(String(value))}`],
  );
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`;
}
