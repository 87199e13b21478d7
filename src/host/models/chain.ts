import { uuidv7 } from '../../base/id.ts';
import type { Logger } from '../../base/logger.ts';
import type { ErrorCode } from '../../protocol/error.ts';
import type { ErrorInfo } from '../../protocol/event.ts';
import type { ModelHealth } from '../../protocol/key-health.ts';
import { isChain, modelsOf } from '../../protocol/model-chains.ts';
import { CHAIN_PREFIX } from '../../protocol/provider.ts';
import type { Model, ModelEvent, ModelRequest } from './model.ts';
import type { Models } from './models.ts';

/**
 * A `Model` over a `Model`: a request for a chain (`chain/<name>`) is made with the first of its models that is well, and
 * begins anew with the next one when it fails, at any point of the stream. Whoever reads is told by `restart` and throws the
 * draft away: nothing of two answers is ever put together. Which models are well is the vault's knowledge; a model that is
 * put aside comes last, and is tried all the same.
 */
export interface ChainDeps {
  readonly model: Models;
  /** By name, each with at least one `provider/model`. */
  readonly chains: Readonly<Record<string, readonly string[]>>;
  readonly health: (models: readonly string[], signal: AbortSignal) => Promise<ModelHealth>;
  readonly log: Logger;
}

/** Failures of this model, not of the request: the next one may do better. */
const GOES_ON = new Set<ErrorCode>([
  'model.auth',
  'model.billing',
  'model.rate-limited',
  'model.overloaded',
  'model.unreachable',
  'model.bad-response',
  'model.empty-response',
  'model.unknown-provider',
  'model.unpriced',
  'vault.secret-missing',
  'not-found',
  'timeout',
]);

export function createChains(deps: ChainDeps): Models {
  const { model, chains } = deps;
  return {
    stream: (request) =>
      isChain(request.model) ? streamChain(request, modelsOf(request.model, chains), deps) : model.stream(request),
    /** What every model of a chain can read. */
    contextWindow: async (ref, signal) => {
      const all = await Promise.all(modelsOf(ref, chains).map((one) => model.contextWindow(one, signal)));
      const known = all.filter((window) => window !== undefined);
      return known.length === 0 ? undefined : Math.min(...known);
    },
  };
}

async function* streamChain(
  request: ModelRequest,
  models: readonly string[],
  deps: ChainDeps,
): AsyncGenerator<ModelEvent, void, undefined> {
  const ordered = await byHealth(models, request, deps);
  const [first, ...rest] = ordered;
  if (first === undefined) return yield { type: 'failed', error: noChain(request.model) };
  let left = rest;
  let attempt = { ...request, model: first };
  for (;;) {
    const failure = yield* streamOne(attempt, deps.model);
    if (failure === undefined) return;
    const [next, ...others] = left;
    if (next === undefined || !GOES_ON.has(failure.code) || request.signal.aborted) {
      yield { type: 'failed', error: failure };
      return;
    }
    deps.log.warn('a model failed, the next of its chain goes on', { model: attempt.model, next, code: failure.code });
    left = others;
    // A call id is charged once, so each attempt has its own.
    attempt = { ...request, model: next, callId: `call_${uuidv7()}` };
    yield { type: 'restart', error: failure, model: next, callId: attempt.callId };
  }
}

/** Everything but its failure, which comes back. */
async function* streamOne(
  request: ModelRequest,
  model: Model,
): AsyncGenerator<ModelEvent, ErrorInfo | undefined, undefined> {
  for await (const event of model.stream(request)) {
    if (event.type === 'failed') return event.error;
    yield event;
  }
  return undefined;
}

async function byHealth(
  models: readonly string[],
  { signal }: ModelRequest,
  { health, log }: ChainDeps,
): Promise<readonly string[]> {
  if (models.length < 2) return models;
  try {
    const known = new Map((await health(models, signal)).models.map(({ model, readyAt }) => [model, readyAt]));
    // What is not set up comes last: trying it says what is missing.
    const rank = (model: string): number => known.get(model) ?? Number.MAX_SAFE_INTEGER;
    return models
      .map((model, index) => ({ model, index }))
      .sort((a, b) => rank(a.model) - rank(b.model) || a.index - b.index)
      .map(({ model }) => model);
  } catch (error) {
    log.debug('no health of models known', { error });
    return models;
  }
}

function noChain(model: string): ErrorInfo {
  return {
    code: 'model.unknown-provider',
    message: `There is no chain of models named ${model.slice(CHAIN_PREFIX.length)}.`,
    remedy: 'Name one that is in config.json under models.chains, or a model of a provider.',
  };
}
