import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { z } from 'zod';
import { request } from '../base/http.ts';
import { type BudgetLimit, type LimitRef, SpendingView } from '../protocol/budget.ts';
import { EgressRules } from '../protocol/egress.ts';
import { ERROR_CODES, type ErrorShape, HoldfastError } from '../protocol/error.ts';
import type { BudgetCaps, BudgetView, ProviderSetting } from '../protocol/vault-api.ts';
import { CallerToken, CallerView, EgressExceptions, ModelFacts, VaultStatus } from '../protocol/vault-api.ts';

/**
 * The owner's client of the vault: node:http over `vault-owner.sock`. A secret goes through as raw bytes from a stream or
 * a Buffer; it is never turned into a string here and never kept.
 */
export interface VaultOwner {
  status(): Promise<VaultStatus>;
  putProvider(id: string, setting: ProviderSettingInput): Promise<void>;
  deleteProvider(id: string): Promise<void>;
  /** The key of a provider is the secret `provider.<id>`. A stream is sent as it comes (one trailing newline is dropped by the vault). */
  putSecret(name: string, value: Readable | Uint8Array): Promise<void>;
  deleteSecret(name: string): Promise<void>;
  listSecrets(): Promise<readonly string[]>;
  /** `agent` `*` sets the default. */
  putBudget(agent: string, caps: BudgetCaps): Promise<void>;
  listBudgets(): Promise<readonly BudgetView[]>;
  spending(): Promise<SpendingView>;
  putLimit(limit: BudgetLimit): Promise<void>;
  /** Back to what `*` says. */
  removeLimit(ref: LimitRef): Promise<void>;
  /** Which team pays for the agent, too; `null`: none. */
  putAgentTeam(agent: string, team: string | null): Promise<void>;
  putExceptions(agent: string, exceptions: EgressExceptions): Promise<void>;
  getExceptions(agent: string): Promise<EgressExceptions>;
  /** Replaces what the agent's sandboxes may reach. */
  putEgressRules(agent: string, rules: EgressRulesInput): Promise<void>;
  getEgressRules(agent: string): Promise<EgressRules>;
  createCaller(agent: string, note?: string): Promise<CallerToken>;
  listCallers(): Promise<readonly CallerView[]>;
  deleteCaller(id: string): Promise<void>;
  /** Raw passphrase, or the raw key from the OS keychain. Throws `vault.wrong-passphrase` or `vault.key-missing`. */
  unlock(passphrase: Readable | Uint8Array): Promise<void>;
  /** Re-encrypts every secret under a new passphrase; from then on the vault starts locked. */
  setPassphrase(passphrase: Readable | Uint8Array): Promise<void>;
  /** Re-encrypts every secret under a key of 32 bytes that the OS keychain keeps. */
  setKeychainKey(key: Uint8Array): Promise<void>;
  /** A copy of the vault's database, as encrypted as it is; the path of it. Remove it afterwards. */
  copyDatabase(): Promise<string>;
  /** Context window and price of one model, `provider` being a configured provider. */
  modelFacts(provider: string, model: string): Promise<ModelFacts>;
}

type EgressRulesInput = z.input<typeof EgressRules>;
export type ProviderSettingInput = Pick<ProviderSetting, 'wire' | 'baseUrl'> & Partial<ProviderSetting>;

export interface VaultOwnerOptions {
  /** `homeAt(dir).vaultOwnerSocket`. */
  readonly socketPath: string;
  readonly timeoutMs?: number;
}

/** One request at the owner's door; answers with its JSON. */
export type VaultCall = (method: string, path: string, body?: Readable | Uint8Array | object) => Promise<unknown>;

export function createVaultCall(options: VaultOwnerOptions): VaultCall {
  return (method, path, body) => exchange(options, { method, path, body });
}

export function createVaultOwner(options: VaultOwnerOptions): VaultOwner {
  const call = createVaultCall(options);
  const name = encodeURIComponent;
  return {
    status: async () => VaultStatus.parse(await call('GET', '/status')),
    putProvider: async (id, setting) => void (await call('PUT', `/providers/${name(id)}`, setting)),
    deleteProvider: async (id) => void (await call('DELETE', `/providers/${name(id)}`)),
    putSecret: async (id, value) => void (await call('PUT', `/secrets/${name(id)}`, value)),
    deleteSecret: async (id) => void (await call('DELETE', `/secrets/${name(id)}`)),
    listSecrets: async () => ((await call('GET', '/secrets')) as { names: string[] }).names,
    putBudget: async (agent, caps) => void (await call('PUT', `/budgets/${name(agent)}`, caps)),
    listBudgets: async () => ((await call('GET', '/budgets')) as { budgets: BudgetView[] }).budgets,
    spending: async () => SpendingView.parse(await call('GET', '/spending')),
    putLimit: async (limit) => void (await call('PUT', '/limits', limit)),
    removeLimit: async ({ kind, id, dimension, window }) =>
      void (await call('DELETE', `/limits?${new URLSearchParams({ kind, id, dimension, window })}`)),
    putAgentTeam: async (agent, team) => void (await call('PUT', `/agent-teams/${name(agent)}`, { team })),
    putExceptions: async (agent, list) => void (await call('PUT', `/egress-exceptions/${name(agent)}`, list)),
    getExceptions: async (agent) => EgressExceptions.parse(await call('GET', `/egress-exceptions/${name(agent)}`)),
    putEgressRules: async (agent, rules) => void (await call('PUT', `/egress-rules/${name(agent)}`, rules)),
    getEgressRules: async (agent) => EgressRules.parse(await call('GET', `/egress-rules/${name(agent)}`)),
    createCaller: async (agent, note = '') => CallerToken.parse(await call('POST', '/callers', { agent, note })),
    listCallers: async () =>
      CallerView.array().parse(((await call('GET', '/callers')) as { callers: unknown }).callers),
    deleteCaller: async (id) => void (await call('DELETE', `/callers/${name(id)}`)),
    unlock: async (passphrase) => void (await call('POST', '/unlock', passphrase)),
    setPassphrase: async (passphrase) => void (await call('PUT', '/passphrase', passphrase)),
    setKeychainKey: async (key) => void (await call('PUT', '/keychain-key', key)),
    copyDatabase: async () => ((await call('POST', '/database-copies')) as { file: string }).file,
    modelFacts: async (provider, model) =>
      ModelFacts.parse(await call('GET', `/models/${name(provider)}/${model.split('/').map(name).join('/')}`)),
  };
}

interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly body: Readable | Uint8Array | object | undefined;
}

async function exchange(options: VaultOwnerOptions, what: Exchange): Promise<unknown> {
  const outgoing = request({
    socketPath: options.socketPath,
    method: what.method,
    path: what.path,
    headers: what.body === undefined ? {} : { 'content-type': isRaw(what.body) ? RAW : 'application/json' },
    timeout: options.timeoutMs ?? 30_000,
    agent: false,
  });
  outgoing.on('timeout', () =>
    outgoing.destroy(new HoldfastError('timeout', `The vault did not answer ${what.method} ${what.path} in time.`)),
  );
  const answer = answerOf(outgoing, options.socketPath);
  await Promise.all([answer, send(outgoing, what.body)]);
  const { status, body } = await answer;
  if (status >= 200 && status < 300) return body === '' ? undefined : JSON.parse(body);
  throw toError(status, body);
}

const RAW = 'application/octet-stream';

function isRaw(body: Readable | Uint8Array | object): body is Readable | Uint8Array {
  return body instanceof Uint8Array || (typeof body === 'object' && 'pipe' in body);
}

async function send(outgoing: ClientRequest, body: Exchange['body']): Promise<void> {
  if (body === undefined) outgoing.end();
  else if (body instanceof Uint8Array) outgoing.end(body);
  // A refused upload is explained by the answer, not by the broken pipe.
  else if (isRaw(body)) await pipeline(body, outgoing).catch(() => undefined);
  else outgoing.end(JSON.stringify(body));
}

function answerOf(outgoing: ClientRequest, socketPath: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    outgoing.on('error', (error) => reject(unreachable(error, socketPath)));
    outgoing.on('response', (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => reject(unreachable(error, socketPath)));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      );
    });
  });
}

function unreachable(error: Error, socketPath: string): HoldfastError {
  if (error instanceof HoldfastError) return error;
  return new HoldfastError('vault.unreachable', `The vault does not answer on ${socketPath}: ${error.message}.`, {
    remedy: 'Start it with `holdfast start`, and look at `holdfast logs` if it ends again.',
    retryable: true,
    cause: error,
  });
}

function toError(status: number, body: string): HoldfastError {
  const shape = parseShape(body);
  if (shape) return new HoldfastError(shape.code, shape.message, shape);
  return new HoldfastError('internal', `The vault answered with HTTP status ${status} and no explanation.`);
}

function parseShape(body: string): ErrorShape | undefined {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value !== 'object' || value === null || !('code' in value) || !('message' in value)) return undefined;
    const known = ERROR_CODES.some((code) => code === value.code);
    return known ? (value as ErrorShape) : undefined;
  } catch {
    return undefined;
  }
}
