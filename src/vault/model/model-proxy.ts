import type { IncomingMessage, ServerResponse } from 'node:http';
import { HoldfastError } from '../../protocol/error.ts';
import type { Payers } from '../budgets/payers.ts';
import { sendModelError } from '../http/answer.ts';
import { parseJson, readBody } from '../http/body.ts';
import { keysOf, requireKeys } from '../keys/provider-keys.ts';
import type { Tripwire } from '../leak/tripwire.ts';
import { asObject } from '../meters/meter.ts';
import { checkWire, readModelRoute, wireOfUrl } from '../wires/route.ts';
import type { RequestFacts } from '../wires/wire.ts';
import { type CallDeps, startCall } from './keyed-call.ts';
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

export interface ModelProxyDeps extends CallDeps {
  readonly providers: Providers;
  readonly tripwire: Tripwire;
  readonly ledger: Ledger;
  readonly payers: Payers;
  readonly prices: PriceData;
}

export const MAX_REQUEST_BYTES = 67_108_864;
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
  const keys = keysOf(provider, deps.secrets);
  requireKeys(provider, keys);
  const raw = await readBody(request, MAX_REQUEST_BYTES);
  deps.tripwire.check(caller.agent, 'a model call', raw);
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
  startCall(deps, {
    provider,
    route,
    keys,
    body: sent,
    request,
    response,
    terms,
    streaming: facts.streaming,
    model: facts.models[0],
    open,
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
