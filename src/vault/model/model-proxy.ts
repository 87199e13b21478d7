import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../../base/logger.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { Payers } from '../budgets/payers.ts';
import { sendModelError } from '../http/answer.ts';
import { parseJson, readBody } from '../http/body.ts';
import { asObject } from '../meters/meter.ts';
import type { SecretGuard } from '../secret-guard.ts';
import type { Secrets } from '../store/secrets.ts';
import { checkWire, type ModelRoute, readModelRoute, wireOfUrl } from '../wires/route.ts';
import type { RequestFacts, Wire } from '../wires/wire.ts';
import { Exchange } from './exchange.ts';
import type { Ledger } from './ledger.ts';
import type { PriceData } from './price-data.ts';
import { dearest, type ModelTerms, termsOf, worstCase } from './pricing.ts';
import type { Provider, Providers } from './providers.ts';

/**
 * The only way to a model provider: who calls is known, the worst case is reserved, the key is put in, the answer goes
 * through. The caller's own headers stay behind except the few a wire format needs.
 */
export interface ModelProxy {
  handle(request: IncomingMessage, response: ServerResponse, caller: Caller): void;
}

export interface Caller {
  readonly agent: string;
  readonly run: string | null;
  readonly task: string | null;
  readonly callId: string;
}

export interface ModelProxyDeps {
  readonly providers: Providers;
  readonly secrets: Secrets;
  readonly guard: () => SecretGuard;
  readonly ledger: Ledger;
  readonly payers: Payers;
  readonly prices: PriceData;
  readonly logger: Logger;
}

export const MAX_REQUEST_BYTES = 67_108_864;
const PASSED_REQUEST_HEADERS = [
  'anthropic-version',
  'anthropic-beta',
  'openai-beta',
  'x-goog-api-client',
  'x-title',
  'http-referer',
];

export function createModelProxy(deps: ModelProxyDeps): ModelProxy {
  return {
    handle: (request, response, caller) => {
      call(deps, request, response, caller).catch((error: unknown) => {
        const failure = HoldfastError.from(error);
        if (failure.code === 'internal') deps.logger.error('model call failed', { error, agent: caller.agent });
        if (response.headersSent || response.destroyed) response.destroy();
        else sendModelError(response, wireOfUrl(request.url ?? ''), { shape: failure.toShape() });
      });
    },
  };
}

async function call(
  deps: ModelProxyDeps,
  request: IncomingMessage,
  response: ServerResponse,
  caller: Caller,
): Promise<void> {
  const route = readModelRoute(request.url ?? '');
  const provider = deps.providers.get(route.provider);
  checkWire(route, provider.setting.wire);
  const key = keyFor(deps, provider);
  const raw = await readBody(request, MAX_REQUEST_BYTES);
  const body = asObject(parseJson(raw));
  if (!body) throw new HoldfastError('bad-request', 'The request body is not a JSON object.');
  const facts = route.wire.readRequest(body, route);
  const sent = (provider.setting.pricesAs === 'mistral' ? undefined : facts.newBody) ?? raw;
  const terms = termsFor(deps, provider, facts);
  const reserved = worstCase(terms, {
    bodyBytes: sent.length,
    hiddenInput: facts.hiddenInput,
    output: facts.maxOutputTokens,
    choices: facts.choices,
  });
  const open = await deps.ledger.reserve({
    callId: caller.callId,
    payer: deps.payers.of(caller),
    provider: provider.id,
    model: facts.models[0],
    reserved,
  });
  if (response.destroyed) {
    open.finish({ state: 'released' });
    return;
  }
  const exchange = new Exchange({
    provider,
    wire: route.wire,
    terms,
    streaming: facts.streaming,
    call: open,
    guard: deps.guard(),
    response,
    onFailure: (error) =>
      deps.logger.warn('model call failed', { code: error.code, reason: error.message, call: open.callId }),
    onSecretFound: () =>
      deps.logger.warn('replaced a known secret in an answer', { provider: provider.id, call: open.callId }),
  });
  dispatch({ provider, route, key, body: sent, request }, exchange);
}

interface Outgoing {
  readonly provider: Provider;
  readonly route: ModelRoute;
  readonly key: string | undefined;
  readonly body: Buffer;
  readonly request: IncomingMessage;
}

function dispatch(outgoing: Outgoing, exchange: Exchange): void {
  const { provider, route, body } = outgoing;
  provider.pool.dispatch(
    { method: 'POST', path: `${provider.basePath}${route.path}`, headers: headersFor(outgoing, route.wire), body },
    exchange,
  );
}

function headersFor({ key, request }: Outgoing, wire: Wire): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': 'application/json', 'accept-encoding': 'identity' };
  for (const name of PASSED_REQUEST_HEADERS) {
    const value = request.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  if (key !== undefined) {
    const [name, value] = wire.keyHeader(key);
    headers[name] = value;
  }
  return headers;
}

function keyFor(deps: ModelProxyDeps, provider: Provider): string | undefined {
  if (deps.secrets.has(provider.secretName)) return deps.secrets.reveal(provider.secretName);
  if (!provider.needsKey) return undefined;
  throw new HoldfastError('vault.secret-missing', `The vault has no API key for ${provider.title} (${provider.id}).`, {
    remedy: `Enter it with \`holdfast setup --provider ${provider.id}\`.`,
  });
}

function termsFor(deps: ModelProxyDeps, provider: Provider, facts: RequestFacts): ModelTerms {
  const terms = dearest(
    facts.models.map((model) => termsOf(provider.setting, model, deps.prices) ?? unpriced(provider, model)),
  );
  return terms ?? unpriced(provider, facts.models[0]);
}

function unpriced(provider: Provider, model: string): never {
  const name = model.slice(0, 100);
  throw new HoldfastError(
    'model.unpriced',
    `The model ${name} of ${provider.title} (${provider.id}) has no known price, so its cost cannot be limited.`,
    {
      remedy: `Price it: \`holdfast setup --provider ${provider.id} --model ${name} --input-price USD --output-price USD\` (per million tokens).`,
    },
  );
}
