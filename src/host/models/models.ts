import type { LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { type Clock, systemClock } from '../../base/clock.ts';
import { linkedController } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/logger.ts';
import type { ErrorInfo } from '../../protocol/event.ts';
import { splitModelRef } from '../../protocol/provider.ts';
import { CALL_HEADERS } from '../../protocol/vault-api.ts';
import type { VaultClient } from '../vault-client/vault-client.ts';
import { conclude } from './conclude.ts';
import { lookUpCost } from './cost.ts';
import { createGuardedFetch, DEFAULT_STREAM_LIMITS, type StreamLimits } from './guarded-fetch.ts';
import { hostOf, openLanguageModel } from './language-model.ts';
import { mapError } from './map-error.ts';
import type { Model, ModelEvent, ModelRequest } from './model.ts';
import { pairTurns } from './pair-turns.ts';
import { createStreamParser, type StreamParser } from './parse-stream.ts';
import { createProviderDirectory, type ProviderDirectory, type ProviderEntry } from './provider-directory.ts';
import { renderPrompt, renderTools } from './render-prompt.ts';
import { thinkingOptions } from './thinking.ts';

/**
 * All models behind the vault as one `Model`. Retries are the loop's business, and so is failover: whoever adds it wraps
 * a Model in a Model.
 */
export interface Models extends Model {
  /** Context window in tokens, undefined when the vault does not know the model or cannot be asked. */
  contextWindow(modelRef: string, signal?: AbortSignal): Promise<number | undefined>;
}

export interface ModelsDeps {
  readonly vault: Pick<VaultClient, 'status' | 'call' | 'modelFacts' | 'modelFetch'>;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly limits?: Partial<StreamLimits>;
}

interface Context {
  readonly vault: ModelsDeps['vault'];
  readonly log: Logger;
  readonly clock: Clock;
  readonly limits: StreamLimits;
  readonly directory: ProviderDirectory;
}

export function createModels(deps: ModelsDeps): Models {
  const { vault, log, clock = systemClock } = deps;
  const limits = { ...DEFAULT_STREAM_LIMITS, ...deps.limits };
  const context: Context = { vault, log, clock, limits, directory: createProviderDirectory(vault) };
  return {
    stream: (request) => stream(request, context),
    contextWindow: async (modelRef, signal) => {
      const { provider, model } = splitModelRef(modelRef);
      try {
        return (await vault.modelFacts(provider, model, signal)).contextWindow ?? undefined;
      } catch (error) {
        log.debug('no context window known', { model: modelRef, error });
        return undefined;
      }
    },
  };
}

async function* stream(request: ModelRequest, context: Context): AsyncGenerator<ModelEvent, void, undefined> {
  // Ours, so that a consumer who stops reading ends the call at the provider too.
  using call = linkedController(request.signal);
  try {
    const entry = await context.directory.find(splitModelRef(request.model).provider, call.signal);
    const parser = createStreamParser(request, entry.wire);
    for await (const part of await open(request, entry, { ...context, signal: call.signal })) {
      yield* parser.accept(part);
    }
    yield await last(request, parser, { ...context, signal: call.signal });
  } catch (error) {
    if (request.signal.aborted) yield { type: 'aborted' };
    else yield failed(mapError(error, splitModelRef(request.model)), request, context);
  } finally {
    call.abort();
  }
}

async function open(
  request: ModelRequest,
  entry: ProviderEntry,
  { vault, clock, limits, log, signal }: Context & { signal: AbortSignal },
): Promise<AsyncIterable<LanguageModelV4StreamPart>> {
  const { provider, model } = splitModelRef(request.model);
  const { wire } = entry;
  const fetch = createGuardedFetch({ provider, limits, clock, fetch: vault.modelFetch });
  const language = await openLanguageModel({ wire, provider, model, upstream: entry.baseUrl, fetch });
  const rendering = { ...request, provider, wire, bridgeToolToUser: hostOf(entry.baseUrl).endsWith('mistral.ai') };
  const tools = renderTools(request.tools);
  const result = await language.doStream({
    prompt: renderPrompt(rendering),
    ...(tools.length === 0 ? {} : { tools }),
    maxOutputTokens: request.maxOutputTokens,
    ...thinkingOptions(request.thinking, { wire, model, turns: pairTurns(request.transcript, rendering) }),
    headers: {
      [CALL_HEADERS.agent]: request.agentId,
      [CALL_HEADERS.run]: request.runId,
      ...(request.taskId === undefined ? {} : { [CALL_HEADERS.task]: request.taskId }),
      [CALL_HEADERS.call]: request.callId,
    },
    abortSignal: signal,
  });
  log.debug('model stream open', { model: request.model, callId: request.callId });
  return result.stream;
}

async function last(
  request: ModelRequest,
  parser: StreamParser,
  context: Context & { signal: AbortSignal },
): Promise<ModelEvent> {
  const conclusion = conclude(request, parser);
  if (conclusion.kind === 'failed') return failed(conclusion.error, request, context);
  const { message, stop, usage } = conclusion;
  const cost = await lookUpCost(request.callId, context);
  return { type: 'finished', message, stop, usage, cost };
}

function failed(error: ErrorInfo, request: ModelRequest, { directory, log }: Context): ModelEvent {
  // The provider may have been set up anew under another wire format or address.
  directory.forget();
  log.info('model call failed', { model: request.model, callId: request.callId, code: error.code });
  return { type: 'failed', error };
}
