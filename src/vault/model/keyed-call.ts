import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../../base/logger.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { Authorize } from '../keys/authorize.ts';
import { failureOf, isKeysOwn } from '../keys/failure-class.ts';
import type { KeyHealth, KeyRef } from '../keys/key-health.ts';
import type { SecretGuard } from '../secret-guard.ts';
import type { Secrets } from '../store/secrets.ts';
import type { ModelRoute } from '../wires/route.ts';
import { Exchange } from './exchange.ts';
import type { OpenCall } from './ledger.ts';
import type { ModelTerms } from './pricing.ts';
import type { Provider } from './providers.ts';

/**
 * One reserved call, made with the best key of its provider. When that key itself is refused (empty account, wrong key, rate
 * limit) before anything was sent back, the same call goes on with the next one that is ready; every other failure is the
 * caller's to hear. What happened is remembered for the next choice.
 */
export interface CallDeps {
  readonly secrets: Pick<Secrets, 'has' | 'reveal'>;
  readonly health: KeyHealth;
  readonly authorize: Authorize;
  readonly guard: () => SecretGuard;
  readonly logger: Logger;
  readonly now: () => number;
}

export interface KeyedCall {
  readonly provider: Provider;
  readonly route: ModelRoute;
  /** Empty: the provider takes none. */
  readonly keys: readonly KeyRef[];
  readonly body: Buffer;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly terms: ModelTerms;
  readonly streaming: boolean;
  readonly model: string;
  readonly open: OpenCall;
}

const PASSED_REQUEST_HEADERS = [
  'anthropic-version',
  'anthropic-beta',
  'openai-beta',
  'x-goog-api-client',
  'x-title',
  'http-referer',
];

export function startCall(deps: CallDeps, call: KeyedCall): void {
  const { provider, model } = call;
  const [first, ...others] = deps.health.order(call.keys, model);
  // A provider without keys has its health all the same.
  attempt(deps, call, { key: first ?? { provider: provider.id, key: provider.secretName }, others });
}

interface Attempt {
  readonly key: KeyRef;
  readonly others: readonly KeyRef[];
}

function attempt(deps: CallDeps, call: KeyedCall, { key, others }: Attempt): void {
  const { health, logger, now } = deps;
  const { provider, route, model, open } = call;
  const startedAt = now();
  const noteFailure = (error: HoldfastError): void => {
    const failure = failureOf(error, startedAt);
    if (failure) health.failed(key, model, failure);
    logger.warn('model call failed', { code: error.code, reason: error.message, key: key.key, call: open.callId });
  };
  open.madeWith(key.key);
  const exchange = new Exchange({
    ...{
      provider,
      wire: route.wire,
      terms: call.terms,
      streaming: call.streaming,
      call: open,
      response: call.response,
    },
    guard: deps.guard(),
    onFailure: noteFailure,
    onSuccess: () => health.succeeded(key, model),
    onSecretFound: () =>
      logger.warn('replaced a known secret in an answer', { provider: provider.id, call: open.callId }),
    retry: (error) => {
      const failure = failureOf(error, startedAt);
      const [next, ...rest] = others.filter((other) => health.readyAt(other, model) === 0);
      if (!failure || !isKeysOwn(failure) || !next || call.response.destroyed) return false;
      noteFailure(error);
      attempt(deps, call, { key: next, others: rest });
      return true;
    },
  });
  send(deps, call, { key, exchange }).catch((error: unknown) => exchange.failBefore(HoldfastError.from(error)));
}

async function send(
  { secrets, authorize }: CallDeps,
  { provider, route, body, request }: KeyedCall,
  { key, exchange }: { key: KeyRef; exchange: Exchange },
): Promise<void> {
  const target = `${provider.basePath}${route.path}`;
  const headers = plainHeaders(request);
  const secret = secrets.has(key.key) ? secrets.reveal(key.key) : undefined;
  const use = { provider, wire: route.wire, name: key.key, target, headers, body };
  const authorized = secret === undefined ? {} : await authorize({ ...use, secret });
  if (exchange.ended) return;
  provider.pool.dispatch({ method: 'POST', path: target, headers: { ...headers, ...authorized }, body }, exchange);
}

/** The caller's own headers stay behind except the few that a wire format needs. */
function plainHeaders(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': 'application/json', 'accept-encoding': 'identity' };
  for (const name of PASSED_REQUEST_HEADERS) {
    const value = request.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  return headers;
}
