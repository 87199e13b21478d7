import type { IncomingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { backoffMs } from '../../base/backoff.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { ModelHealth } from '../../protocol/key-health.ts';
import {
  BudgetView,
  CallRecord,
  FetchHead,
  type FetchRequest,
  ModelFacts,
  VaultStatus,
} from '../../protocol/vault-api.ts';
import { createModelFetch } from './model-fetch.ts';
import { createVaultAudit, type VaultAudit } from './vault-audit.ts';
import { createVaultCredentials, type VaultCredentials } from './vault-credentials.ts';
import { type AskVault, createVaultEgress, type VaultEgress } from './vault-egress.ts';
import { errorOfBody, isBrokenConnection, parseJson, unreachable } from './vault-errors.ts';
import { createVaultHttp, type VaultRequest } from './vault-http.ts';
import { createVaultScan, type VaultScan } from './vault-scan.ts';
import { createVaultServices, type FetchVault, type VaultServices } from './vault-services.ts';
import { createVaultSpending, type VaultSpending } from './vault-spending.ts';
import { createVaultTotp, type VaultTotp } from './vault-totp.ts';

/**
 * The host's only way to a model provider and to the web: the vault's host socket. Every method throws a HoldfastError;
 * `vault.unreachable` (retryable) when nobody answers, `cancelled` when the caller's signal fired, `timeout` when the
 * vault took too long.
 */
export interface VaultClient extends AsyncDisposable {
  status(signal?: AbortSignal): Promise<VaultStatus>;
  /** The ledger row of a model call. */
  call(callId: string, signal?: AbortSignal): Promise<CallRecord>;
  /** All budgets, or only the one of `agent`. */
  budgets(agent?: string, signal?: AbortSignal): Promise<readonly BudgetView[]>;
  /** Context window and price of one model. */
  modelFacts(provider: string, model: string, signal?: AbortSignal): Promise<ModelFacts>;
  /** Which models may be tried now. */
  modelHealth(models: readonly string[], signal?: AbortSignal): Promise<ModelHealth>;
  /** One GET behind the SSRF wall, on an agent's behalf. */
  fetch(request: z.input<typeof FetchRequest>, signal?: AbortSignal): Promise<{ head: FetchHead; body: Uint8Array }>;
  /** Names of credentials, the owner's changes on their way, and the kill switch. */
  readonly credentials: VaultCredentials;
  /** Looks for the vault's secrets in what the host is about to keep or to send. */
  readonly scan: VaultScan;
  /** Ways out of sandboxes. */
  readonly egress: VaultEgress;
  readonly audit: VaultAudit;
  readonly totp: VaultTotp;
  /** Budgets of every scope and dimension. */
  readonly spending: VaultSpending;
  /** APIs that agents use without seeing a key. */
  readonly services: VaultServices;
  /** Same shape as the global `fetch`, for the AI SDK; addresses are `http://vault/model/<provider>/…`. Has no timeout. */
  readonly modelFetch: typeof globalThis.fetch;
  /** Resolves with the status once the vault answers and is unlocked; rejects with `cancelled` when `signal` fires. */
  waitUntilReachable(signal: AbortSignal): Promise<VaultStatus>;
}

export interface VaultClientConfig {
  readonly socketPath: string;
  readonly log: Logger;
  readonly clock?: Clock;
  /** How long the vault may take for an answer that needs no provider. */
  readonly timeoutMs?: number;
}

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Uint8Array;
}

const JSON_BODY = { 'content-type': 'application/json' };
const DEFAULT_TIMEOUT_MS = 10_000;
/** The vault keeps its own deadline for a fetch; ours only catches a vault that hangs. */
const FETCH_GRACE_MS = 5_000;
const DEFAULT_FETCH_TIMEOUT_MS = 30_000;
const BudgetList = z.object({ budgets: z.array(BudgetView) });

export function createVaultClient(config: VaultClientConfig): VaultClient {
  const { socketPath, log, clock = systemClock, timeoutMs = DEFAULT_TIMEOUT_MS } = config;
  const http = createVaultHttp(socketPath);

  const send = async (
    path: string,
    init: Omit<VaultRequest, 'path' | 'signal'>,
    signal: AbortSignal,
  ): Promise<Answer> => {
    try {
      const answer = await http.send({ ...init, path, signal });
      const bytes = await buffer(answer);
      const status = answer.statusCode ?? 0;
      if (status < 200 || status >= 300) throw errorOfBody(status, bytes.toString('utf8'));
      return { headers: answer.headers, bytes: new Uint8Array(bytes) };
    } catch (error) {
      throw signal.aborted ? stopped(signal) : transportError(error, socketPath);
    }
  };

  const ask: AskVault = async (path, schema, init) => {
    const options =
      init?.body === undefined
        ? { method: init?.method ?? 'GET', headers: {} }
        : { method: init.method, headers: JSON_BODY, body: JSON.stringify(init.body) };
    const { bytes } = await send(path, options, deadline(timeoutMs, init?.signal));
    return read(path, schema, bytes);
  };

  const get = async <T>(path: string, schema: z.ZodType<T>, signal: AbortSignal | undefined): Promise<T> => {
    const { bytes } = await send(path, { method: 'GET', headers: {} }, deadline(timeoutMs, signal));
    return read(path, schema, bytes);
  };

  const read = <T>(path: string, schema: z.ZodType<T>, bytes: Uint8Array): T => {
    const parsed = schema.safeParse(parseJson(Buffer.from(bytes).toString('utf8')));
    if (parsed.success) return parsed.data;
    const problem = z.prettifyError(parsed.error);
    throw new HoldfastError('internal', `The vault's answer to ${path} is not what this version expects: ${problem}`, {
      remedy: 'Host and vault must be of the same version: run `holdfast restart`.',
    });
  };

  const fetchVault: FetchVault = async (path, { body, limitMs, signal }) => {
    const init = { method: 'POST', headers: JSON_BODY, body: JSON.stringify(body) };
    const { headers, bytes } = await send(path, init, deadline(limitMs, signal));
    return { head: String(headers['x-holdfast-fetch'] ?? ''), bytes };
  };

  const status = (signal?: AbortSignal) => get('/status', VaultStatus, signal);

  return {
    status,
    call: (callId, signal) => get(`/calls/${encodeURIComponent(callId)}`, CallRecord, signal),
    budgets: async (agentId, signal) => {
      const { budgets } = await get('/budgets', BudgetList, signal);
      return agentId === undefined ? budgets : budgets.filter((budget) => budget.agent === agentId);
    },
    modelFacts: (provider, model, signal) =>
      get(`/models/${[provider, ...model.split('/')].map(encodeURIComponent).join('/')}`, ModelFacts, signal),
    modelHealth: (models, signal) =>
      get(
        `/model-health?${models.map((model) => `model=${encodeURIComponent(model)}`).join('&')}`,
        ModelHealth,
        signal,
      ),
    fetch: async (request, signal) => {
      const limit = (request.timeoutMs ?? DEFAULT_FETCH_TIMEOUT_MS) + FETCH_GRACE_MS;
      const init = { method: 'POST', headers: JSON_BODY, body: JSON.stringify(request) };
      const { headers, bytes } = await send('/fetch', init, deadline(limit, signal));
      return { head: headOf(headers), body: bytes };
    },
    credentials: createVaultCredentials(ask),
    egress: createVaultEgress(ask),
    scan: createVaultScan({ ask, http, failed: (error) => transportError(error, socketPath) }),
    audit: createVaultAudit(ask),
    totp: createVaultTotp(ask),
    spending: createVaultSpending(ask),
    services: createVaultServices(ask, fetchVault),
    modelFetch: createModelFetch(http, (error) => transportError(error, socketPath)),
    waitUntilReachable: (signal) => waitUntilReachable(status, { clock, log, signal }),
    [Symbol.asyncDispose]: async () => http[Symbol.dispose](),
  };
}

async function waitUntilReachable(
  status: VaultClient['status'],
  { clock, log, signal }: { clock: Clock; log: Logger; signal: AbortSignal },
): Promise<VaultStatus> {
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await status(signal);
      if (!answer.locked) return answer;
      if (attempt === 1) log.warn('waiting for the vault to be unlocked');
    } catch (error) {
      const failure = HoldfastError.from(error);
      if (failure.code !== 'vault.unreachable' && failure.code !== 'timeout') throw failure;
      if (attempt === 1) log.warn('waiting for the vault', { error: failure.message });
    }
    try {
      await clock.sleep(backoffMs(attempt, { baseMs: 50, maxMs: 2_000 }), signal);
    } catch (error) {
      throw new HoldfastError('cancelled', 'Stopped waiting for the vault.', { cause: error });
    }
  }
}

function headOf(headers: IncomingHttpHeaders): FetchHead {
  const header = headers['x-holdfast-fetch'] ?? '';
  const head = FetchHead.safeParse(parseJson(Buffer.from(String(header), 'base64url').toString('utf8')));
  if (head.success) return head.data;
  throw new HoldfastError('internal', 'The vault answered a fetch without a readable x-holdfast-fetch header.');
}

function deadline(ms: number, signal: AbortSignal | undefined): AbortSignal {
  const timeout = AbortSignal.timeout(ms);
  return signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
}

/** A caller may abort with any reason; only our own deadline is a TimeoutError. */
function stopped({ reason }: AbortSignal): HoldfastError {
  if (reason instanceof Error && reason.name === 'TimeoutError') {
    return new HoldfastError('timeout', 'The vault did not answer in time.', { cause: reason, retryable: true });
  }
  return new HoldfastError('cancelled', 'Cancelled.', { cause: reason });
}

function transportError(error: unknown, socketPath: string): HoldfastError {
  if (error instanceof HoldfastError) return error;
  return isBrokenConnection(error) ? unreachable(socketPath, error) : HoldfastError.from(error);
}
