import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { EgressDoorRequest, EgressRules } from '../../protocol/egress.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { AgentId } from '../../protocol/ids.ts';
import { CallerRequest, EgressExceptions, ProviderSetting } from '../../protocol/vault-api.ts';
import { BUDGET_ROUTES } from '../budgets/budget-routes.ts';
import type { Budgets } from '../budgets/budgets.ts';
import type { Exceptions } from '../egress/exceptions.ts';
import type { FetchRoute } from '../egress/fetch-route.ts';
import type { EgressProxy } from '../egress/proxy/egress.ts';
import { KEY_ROUTES, type KeyRoutesDeps } from '../keys/key-routes.ts';
import type { Ledger } from '../model/ledger.ts';
import type { PriceData } from '../model/price-data.ts';
import { termsOf } from '../model/pricing.ts';
import type { Providers } from '../model/providers.ts';
import type { StatusSource } from '../status.ts';
import type { Callers } from '../store/callers.ts';
import type { KeyRing } from '../store/key-ring.ts';
import type { Secrets } from '../store/secrets.ts';
import { sendJson } from './answer.ts';
import { AUDIT_ROUTES, type AuditRoutesDeps, witnessed } from './audit-routes.ts';
import { readBody } from './body.ts';
import { CREDENTIAL_ROUTES, type CredentialRoutesDeps } from './credential-routes.ts';
import { OWNER_ROUTES, type OwnerRoutesDeps } from './owner-routes.ts';
import { parseWith } from './parse.ts';
import { type Door, type Route, type RouteContext, readSmallJson, SMALL_BODY_BYTES } from './route.ts';
import { SCAN_ROUTES, type ScanRoutesDeps } from './scan-routes.ts';
import { SERVICE_ROUTES, type ServiceRoutesDeps } from './service-routes.ts';
import { TOTP_ROUTES, type TotpRoutesDeps } from './totp-routes.ts';

/**
 * The routes beside `/model/…`. Each names who may use it; the host's socket can read and fetch, never change a cap, a
 * provider, a secret or an exception.
 */
export interface RoutesDeps
  extends ScanRoutesDeps,
    CredentialRoutesDeps,
    OwnerRoutesDeps,
    ServiceRoutesDeps,
    AuditRoutesDeps,
    KeyRoutesDeps,
    TotpRoutesDeps {
  readonly status: StatusSource;
  readonly ring: KeyRing;
  readonly secrets: Secrets;
  readonly providers: Providers;
  readonly budgets: Budgets;
  readonly ledger: Ledger;
  readonly callers: Callers;
  readonly exceptions: Exceptions;
  readonly egress: EgressProxy;
  readonly prices: PriceData;
  readonly fetch: FetchRoute;
  /** Makes a copy of the database, as encrypted as it is, and answers with its path. */
  readonly copyDatabase: () => string;
  /** Opens everything that is sealed, after an unlock. */
  readonly openSealed: () => void;
  /** Seals everything anew; called inside one transaction. */
  readonly reseal: (from: Buffer, to: Buffer) => void;
}

const json = readSmallJson;
const raw = (request: IncomingMessage): Promise<Buffer> => readBody(request, SMALL_BODY_BYTES);

const ROUTES: readonly Route<RoutesDeps>[] = [
  ...BUDGET_ROUTES,
  ...KEY_ROUTES,
  ...CREDENTIAL_ROUTES,
  ...AUDIT_ROUTES,
  ...TOTP_ROUTES,
  ...SERVICE_ROUTES,
  ...OWNER_ROUTES,
  ...SCAN_ROUTES,
  { method: 'GET', pattern: /^\/status$/, hostToo: true, run: (deps) => deps.status.read() },
  { method: 'GET', pattern: /^\/calls\/([^/]+)$/, hostToo: true, run: (deps, { name }) => callRecord(deps, name) },
  { method: 'GET', pattern: /^\/models\/(.+)$/, hostToo: true, run: (deps, { name }) => modelFacts(deps, name) },
  {
    method: 'POST',
    pattern: /^\/fetch$/,
    hostToo: true,
    run: (deps, { request, response }) => deps.fetch.handle(request, response),
  },
  { method: 'GET', pattern: /^\/secrets$/, run: (deps) => ({ names: deps.secrets.names() }) },
  {
    method: 'PUT',
    pattern: /^\/secrets\/([^/]+)$/,
    run: async (deps, { name, request }) => {
      deps.secrets.put(name, await raw(request));
      deps.health.forget(name);
    },
  },
  { method: 'DELETE', pattern: /^\/secrets\/([^/]+)$/, run: (deps, { name }) => deps.secrets.delete(name) },
  {
    method: 'PUT',
    pattern: /^\/providers\/([^/]+)$/,
    run: async (deps, { name, request }) => deps.providers.put(name, parseWith(ProviderSetting, await json(request))),
  },
  { method: 'DELETE', pattern: /^\/providers\/([^/]+)$/, run: (deps, { name }) => deps.providers.delete(name) },
  {
    method: 'GET',
    pattern: /^\/egress-exceptions\/([^/]+)$/,
    run: (deps, { name }) => ({ hosts: deps.exceptions.of(parseWith(AgentId, name)) }),
  },
  {
    method: 'PUT',
    pattern: /^\/egress-exceptions\/([^/]+)$/,
    run: async (deps, { name, request }) =>
      deps.exceptions.put(parseWith(AgentId, name), parseWith(EgressExceptions, await json(request))),
  },
  {
    method: 'GET',
    pattern: /^\/egress-rules\/([^/]+)$/,
    hostToo: true,
    run: ({ egress }, { name }) => egress.rules.of(parseWith(AgentId, name)),
  },
  {
    method: 'PUT',
    pattern: /^\/egress-rules\/([^/]+)$/,
    run: async ({ egress }, { name, request }) =>
      egress.rules.put(parseWith(AgentId, name), parseWith(EgressRules, await json(request))),
  },
  { method: 'GET', pattern: /^\/egress-doors$/, hostToo: true, run: ({ egress }) => ({ runs: egress.doors.runs() }) },
  {
    method: 'POST',
    pattern: /^\/egress-doors$/,
    hostToo: true,
    run: async ({ egress }, { request }) => {
      const wanted = parseWith(EgressDoorRequest, await json(request));
      return await egress.doors.open({ ...wanted, agent: parseWith(AgentId, wanted.agent) });
    },
  },
  {
    method: 'DELETE',
    pattern: /^\/egress-doors\/([^/]+)$/,
    hostToo: true,
    run: async ({ egress }, { name, request }) => {
      await egress.doors.close(name);
      return egress.connections.denials(name, afterOf(request));
    },
  },
  {
    method: 'GET',
    pattern: /^\/egress-denials$/,
    hostToo: true,
    run: ({ egress }, { request }) => egress.connections.denials(queryOf(request).get('run') ?? '', afterOf(request)),
  },
  {
    method: 'GET',
    pattern: /^\/egress-connections$/,
    hostToo: true,
    run: ({ egress }, { request }) => ({
      connections: egress.connections.list({ run: queryOf(request).get('run') ?? '', after: afterOf(request) }),
    }),
  },
  {
    method: 'GET',
    pattern: /^\/egress-task-grants\/([^/]+)$/,
    hostToo: true,
    run: ({ egress }, { name }) => ({ places: egress.taskGrants.places(name) }),
  },
  { method: 'GET', pattern: /^\/callers$/, run: (deps) => ({ callers: deps.callers.list() }) },
  {
    method: 'POST',
    pattern: /^\/callers$/,
    run: async (deps, { request }) => {
      const { agent, note } = parseWith(CallerRequest, await json(request));
      return deps.callers.create(parseWith(AgentId, agent), note);
    },
  },
  { method: 'DELETE', pattern: /^\/callers\/([^/]+)$/, run: (deps, { name }) => deps.callers.delete(name) },
  { method: 'POST', pattern: /^\/database-copies$/, run: (deps) => ({ file: deps.copyDatabase() }) },
  {
    method: 'POST',
    pattern: /^\/unlock$/,
    run: async (deps, { request }) => {
      const given = await raw(request);
      await deps.ring.unlock(deps.ring.source === 'keychain' ? given : withoutNewline(given));
      deps.openSealed();
    },
  },
  {
    method: 'PUT',
    pattern: /^\/passphrase$/,
    run: async (deps, { request }) => deps.ring.changePassphrase(withoutNewline(await raw(request)), deps.reseal),
  },
  {
    method: 'PUT',
    pattern: /^\/keychain-key$/,
    run: async (deps, { request }) => deps.ring.changeToKeychain(await raw(request), deps.reseal),
  },
];

export async function runRoute(
  deps: RoutesDeps,
  door: Door,
  exchange: Pick<RouteContext, 'request' | 'response'>,
): Promise<void> {
  const { request, response } = exchange;
  const path = (request.url ?? '').split('?')[0] ?? '';
  const matching = ROUTES.filter((route) => route.pattern.test(path));
  const route = matching.find((candidate) => candidate.method === request.method);
  if (!route) {
    throw new HoldfastError('not-found', `The vault has no ${request.method} ${path.slice(0, 200)}.`, {
      remedy: 'src/protocol/vault-api.ts lists what it has.',
    });
  }
  const visit = { door, method: route.method, path, hostToo: route.hostToo === true };
  const result = await witnessed(deps.events, visit, () => {
    if (door === 'host' && !route.hostToo) {
      throw new HoldfastError('forbidden', `${request.method} ${path.slice(0, 200)} is only for the owner's socket.`);
    }
    const [, name, second] = route.pattern.exec(path) ?? [];
    return route.run(deps, { request, response, door, name: decode(name), second: decode(second) });
  });
  if (response.headersSent) return;
  if (result === undefined) response.writeHead(204).end();
  else sendJson(response, 200, result);
}

export function withoutNewline(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1);
}

function decode(text: string | undefined): string {
  try {
    return decodeURIComponent(text ?? '');
  } catch (error) {
    throw new HoldfastError('bad-request', 'The path is not well encoded.', { cause: error });
  }
}

function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
  return new URLSearchParams(url.slice(url.indexOf('?') + 1 || url.length));
}

function afterOf(request: IncomingMessage): number {
  return parseWith(z.coerce.number().int().nonnegative().default(0), queryOf(request).get('after') ?? undefined);
}

function callRecord(deps: RoutesDeps, callId: string): unknown {
  const record = deps.ledger.find(callId);
  if (record) return record;
  throw new HoldfastError('not-found', `The ledger has no call ${callId.slice(0, 200)}.`);
}

function modelFacts(deps: RoutesDeps, ref: string): unknown {
  const slash = ref.indexOf('/');
  const model = ref.slice(slash + 1);
  const provider = deps.providers.get(ref.slice(0, slash));
  const terms = termsOf(provider.setting, model, deps.prices);
  const price = terms?.price;
  return {
    provider: provider.id,
    model,
    contextWindow: terms?.contextWindow ?? null,
    maxOutput: terms?.maxOutput ?? null,
    price: terms
      ? {
          input: price?.input ?? 0,
          output: price?.output ?? 0,
          cacheRead: price?.cacheRead,
          cacheWrite: price?.cacheWrite,
        }
      : null,
  };
}
