import type { z } from 'zod';
import type {
  AgentView,
  ApprovalView,
  ArtifactView,
  EventView,
  LoginView,
  MessageView,
  RunView,
  SendMessage,
  SessionView,
  StatusView,
  TokenView,
  WorkerTemplateView,
} from '../../../src/protocol/api.ts';
import type { SpendingView } from '../../../src/protocol/budget.ts';
import type { CredentialList } from '../../../src/protocol/credential.ts';
import type { ErrorShape } from '../../../src/protocol/error.ts';
import type { Explanation } from '../../../src/protocol/explanation.ts';
import type { FlowException } from '../../../src/protocol/flow.ts';
import type { GrantChoice, GrantView } from '../../../src/protocol/grant.ts';
import type { BlackboardEntry, TaskView } from '../../../src/protocol/mesh.ts';
import type {
  HeldChange,
  OwnerChangeResult,
  OwnerEnvelope,
  OwnerKeyView,
  VaultIdentity,
} from '../../../src/protocol/owner-change.ts';
import type { TryResult } from '../../../src/protocol/policy-change.ts';
import type { ExplainQuery, PolicyView } from '../../../src/protocol/policy-view.ts';
import { createPeopleApi, type PeopleApi } from '../people/people-api.ts';
import { createFleetApi, type FleetApi } from './fleet.ts';

/** What went wrong with a request, in the words of the host: code, message, remedy. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;
  readonly remedy: string | undefined;

  constructor(status: number, shape: { code: string; message: string; remedy?: string | undefined }) {
    super(shape.message);
    this.status = status;
    this.code = shape.code;
    this.remedy = shape.remedy;
  }
}

export interface RunFilter {
  readonly agentId?: string;
  readonly sessionId?: string;
  readonly parentRunId?: string;
  readonly active?: boolean;
}

/** Messages of a session that the page shows; older ones stay in `holdfast history`. */
export const HISTORY_LIMIT = 200;
const EVENTS_PER_PAGE = 500;

/**
 * The host's HTTP API. Answers come from our own origin and are described by the shared schemas, so they are typed here
 * and not validated again (zod's generated validators would also need `unsafe-eval`).
 */
export interface Api {
  /** Agents and teams: making and changing them. */
  readonly fleet: FleetApi;
  session(): Promise<LoginView>;
  readonly people: PeopleApi;
  logout(): Promise<void>;
  status(): Promise<StatusView>;
  agents(): Promise<AgentView[]>;
  workerTemplates(): Promise<WorkerTemplateView[]>;
  sessions(agentId: string): Promise<SessionView[]>;
  createSession(agentId: string): Promise<SessionView>;
  history(sessionId: string): Promise<MessageView[]>;
  send(agentId: string, message: SendMessage): Promise<MessageView>;
  runs(filter: RunFilter): Promise<RunView[]>;
  run(id: string): Promise<RunView>;
  runEvents(id: string): Promise<EventView[]>;
  cancelRun(id: string): Promise<RunView>;
  approvals(): Promise<ApprovalView[]>;
  decide(id: string, decision: 'allow' | 'deny', grant?: GrantChoice): Promise<ApprovalView>;
  grants(): Promise<GrantView[]>;
  revokeGrant(id: string): Promise<void>;
  exceptions(): Promise<FlowException[]>;
  endException(id: string): Promise<void>;
  artifacts(runId: string): Promise<ArtifactView[]>;
  artifactText(id: string): Promise<string>;
  blobText(hash: string): Promise<string>;
  spending(): Promise<SpendingView>;
  tasks(open: boolean): Promise<TaskView[]>;
  cancelTask(id: string): Promise<TaskView>;
  blackboard(prefix: string): Promise<BlackboardEntry[]>;
  tokens(): Promise<TokenInfo[]>;
  createToken(note: string): Promise<TokenInfo & { token: string }>;
  revokeToken(id: string): Promise<void>;
  credentials(): Promise<CredentialList>;
  vaultIdentity(): Promise<VaultIdentity>;
  ownerKeys(): Promise<OwnerKeyView[]>;
  heldChanges(): Promise<HeldChange[]>;
  policyOf(agentId: string): Promise<PolicyView>;
  explain(query: ExplainQuery): Promise<Explanation>;
  /** The host checks the change and names what is wrong with it. */
  tryPolicy(body: { change: unknown; days: number }): Promise<TryResult>;
  submitChange(envelope: OwnerEnvelope): Promise<OwnerChangeResult>;
}

export type TokenInfo = z.infer<typeof TokenView>;

export const artifactUrl = (id: string): string => `/api/artifacts/${encodeURIComponent(id)}/content`;

export function createApi(deps: { fetch: typeof fetch; onSignedOut: () => void }): Api {
  let csrf = '';

  async function request(method: string, path: string, body?: unknown): Promise<Response> {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (method !== 'GET') headers['x-holdfast-csrf'] = csrf;
    if (body !== undefined) headers['content-type'] = 'application/json';
    const init: RequestInit = { method, headers, credentials: 'same-origin' };
    if (body !== undefined) init.body = JSON.stringify(body);
    const response = await deps.fetch(path, init).catch((cause: unknown) => {
      throw new ApiError(0, unreachable(cause));
    });
    if (response.ok) return response;
    if (response.status === 401) deps.onSignedOut();
    throw new ApiError(response.status, await errorOf(response));
  }
  const get = async <T>(path: string): Promise<T> => (await request('GET', path)).json() as Promise<T>;
  const post = async <T>(path: string, body?: unknown): Promise<T> =>
    (await request('POST', path, body)).json() as Promise<T>;
  const id = encodeURIComponent;

  return {
    fleet: createFleetApi({ get, post, del: async (path) => (await request('DELETE', path)).json() as Promise<never> }),
    session: async () => {
      const login = await get<LoginView>('/api/session');
      csrf = login.csrf ?? '';
      return login;
    },
    people: createPeopleApi({ get, post, remove: async (path) => void (await request('DELETE', path)) }),
    logout: async () => {
      await request('POST', '/api/logout');
    },
    status: () => get('/api/status'),
    agents: () => get('/api/agents'),
    workerTemplates: () => get('/api/worker-templates'),
    sessions: (agentId) => get(`/api/sessions?agentId=${id(agentId)}`),
    createSession: (agentId) => post('/api/sessions', { agentId }),
    history: (sessionId) => get(`/api/sessions/${id(sessionId)}/history?limit=${HISTORY_LIMIT}`),
    send: (agentId, message) => post(`/api/agents/${id(agentId)}/messages`, message),
    runs: (filter) => get(`/api/runs${query({ ...filter })}`),
    run: (runId) => get(`/api/runs/${id(runId)}`),
    runEvents: (runId) =>
      allPages((after) => get(`/api/runs/${id(runId)}/events${query({ after, limit: EVENTS_PER_PAGE })}`)),
    cancelRun: (runId) => post(`/api/runs/${id(runId)}/cancel`),
    approvals: () => get('/api/approvals?state=pending'),
    decide: (approvalId, decision, grant) =>
      post(`/api/approvals/${id(approvalId)}`, { decision, ...(grant === undefined ? {} : { grant }) }),
    grants: () => get('/api/grants'),
    revokeGrant: async (grantId) => {
      await request('DELETE', `/api/grants/${id(grantId)}`);
    },
    exceptions: () => get('/api/policy/exceptions'),
    endException: async (exceptionId) => {
      await request('DELETE', `/api/policy/exceptions/${id(exceptionId)}`);
    },
    artifacts: (runId) => get(`/api/artifacts?runId=${id(runId)}`),
    artifactText: async (artifactId) => (await request('GET', artifactUrl(artifactId))).text(),
    blobText: async (hash) => (await request('GET', `/api/blobs/${id(hash)}`)).text(),
    spending: () => get('/api/spending'),
    tasks: (open) => get(`/api/tasks${query({ open: open || undefined })}`),
    cancelTask: (taskId) => post(`/api/tasks/${id(taskId)}/cancel`, {}),
    blackboard: (prefix) => get(`/api/blackboard${query({ prefix })}`),
    tokens: () => get('/api/tokens'),
    createToken: (note) => post('/api/tokens', { note }),
    credentials: () => get('/api/credentials'),
    vaultIdentity: () => get('/api/vault-identity'),
    ownerKeys: () => get('/api/owner-keys'),
    heldChanges: () => get('/api/owner-changes'),
    policyOf: (agentId) => get(`/api/policy/agents/${id(agentId)}`),
    explain: (asked) => get(`/api/policy/explain${query({ ...asked })}`),
    tryPolicy: (body) => post('/api/policy/try', body),
    submitChange: (envelope) => post('/api/owner-changes', envelope),
    revokeToken: async (tokenId) => {
      await request('DELETE', `/api/tokens/${id(tokenId)}`);
    },
  };
}

function query(values: Record<string, string | number | boolean | undefined>): string {
  const pairs = Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]]));
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs)}`;
}

/** Events come in pages, oldest first; a page that brings nothing newer is the last. */
async function allPages(page: (after: number) => Promise<EventView[]>): Promise<EventView[]> {
  const all: EventView[] = [];
  for (let after = 0; ; ) {
    const events = await page(after);
    all.push(...events);
    const newest = events.at(-1)?.seq ?? after;
    if (events.length < EVENTS_PER_PAGE || newest <= after) return all;
    after = newest;
  }
}

function unreachable(cause: unknown) {
  return {
    code: 'unreachable',
    message: `Holdfast does not answer (${cause instanceof Error ? cause.message : String(cause)}).`,
    remedy: 'Is it running? In a terminal: holdfast status',
  };
}

async function errorOf(response: Response): Promise<{ code: string; message: string; remedy?: string | undefined }> {
  const fallback = { code: 'internal', message: `The host answered ${response.status} ${response.statusText}.` };
  try {
    const body = (await response.json()) as Partial<ErrorShape> & { error?: Partial<ErrorShape> };
    const shape = body.error ?? body;
    return { code: shape.code ?? fallback.code, message: shape.message ?? fallback.message, remedy: shape.remedy };
  } catch {
    return fallback; // not JSON: a proxy in between answered
  }
}
