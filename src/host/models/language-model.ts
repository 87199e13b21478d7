import type { WireFormat } from '../../protocol/provider.ts';
import { type StreamingModel, withOptionalUsage } from './anthropic-usage.ts';
import { createReasoningNotes, REASONING_NAMESPACE } from './reasoning-fields.ts';

/** The vault replaces it with the real key; nothing else ever reads it. */
const PLACEHOLDER_KEY = 'held-by-the-vault';

export interface LanguageModelTarget {
  readonly wire: WireFormat;
  readonly provider: string;
  readonly model: string;
  /** Where the vault sends the call. Only to know OpenAI's own service, whose chat format has moved on from the others'. */
  readonly upstream: string;
  readonly fetch: typeof globalThis.fetch;
}

/** Loads a provider package at the first call that needs it. */
export async function openLanguageModel(target: LanguageModelTarget): Promise<StreamingModel> {
  const settings = { baseURL: `http://vault/model/${target.provider}`, apiKey: PLACEHOLDER_KEY, fetch: target.fetch };
  switch (target.wire) {
    case 'anthropic-messages': {
      const { createAnthropic } = await import('@ai-sdk/anthropic');
      return withOptionalUsage(target.fetch, (fetch) =>
        createAnthropic({ ...settings, fetch }).languageModel(target.model),
      );
    }
    case 'google-generate': {
      const { createGoogle } = await import('@ai-sdk/google');
      return createGoogle(settings).languageModel(target.model);
    }
    case 'openai-responses': {
      const { createOpenAI } = await import('@ai-sdk/openai');
      return createOpenAI(settings).responses(target.model);
    }
    case 'bedrock-converse': {
      const { createConverseModel } = await import('./bedrock/converse-model.ts');
      return createConverseModel({ ...settings, model: target.model });
    }
    case 'openai-chat':
      return openChatModel(target, settings);
  }
}

interface Settings {
  readonly baseURL: string;
  readonly apiKey: string;
  readonly fetch: typeof globalThis.fetch;
}

async function openChatModel(target: LanguageModelTarget, settings: Settings): Promise<StreamingModel> {
  if (hostOf(target.upstream) === 'api.openai.com') {
    const { createOpenAI } = await import('@ai-sdk/openai');
    return createOpenAI(settings).chat(target.model);
  }
  const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
  const provider = createOpenAICompatible({
    ...settings,
    name: REASONING_NAMESPACE,
    includeUsage: true,
    metadataExtractor: {
      extractMetadata: () => Promise.resolve(undefined),
      createStreamExtractor: () => {
        const notes = createReasoningNotes();
        return {
          processChunk: notes.processChunk,
          buildMetadata: () => {
            const noted = notes.build();
            return noted === undefined ? undefined : { [REASONING_NAMESPACE]: noted };
          },
        };
      },
    },
  });
  return provider.chatModel(target.model);
}

export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '';
}
