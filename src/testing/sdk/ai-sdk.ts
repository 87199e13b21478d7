import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, isStepCount, jsonSchema, type LanguageModel, streamText, tool } from 'ai';
import {
  AnswerSum,
  cityOf,
  type SdkOptions,
  type SdkScript,
  type SdkTarget,
  WEATHER_DESCRIPTION,
  WEATHER_SCHEMA,
  WEATHER_TOOL,
  weatherIn,
} from './sdk-script.ts';

type Thinking = Parameters<typeof generateText>[0]['providerOptions'];

/** The AI SDK runs the tool loop itself; only the provider differs. */
function aiSdkScript(
  name: string,
  wire: SdkScript['wire'],
  open: (target: SdkTarget) => LanguageModel,
  providerOptions: Thinking,
): SdkScript {
  return {
    name,
    wire,
    async converse(target, prompt, options) {
      const sum = new AnswerSum();
      const settings = {
        model: open(target),
        prompt,
        maxRetries: options.retries ?? 0,
        ...(options.signal ? { abortSignal: options.signal } : {}),
        ...(providerOptions ? { providerOptions } : {}),
        stopWhen: isStepCount(5),
        tools: {
          [WEATHER_TOOL]: tool({
            description: WEATHER_DESCRIPTION,
            inputSchema: jsonSchema(WEATHER_SCHEMA),
            execute: async (input: unknown) => {
              sum.cities.push(cityOf(input));
              return weatherIn(cityOf(input));
            },
          }),
        },
      };
      await (options.stream ? streamed(settings, options, sum) : plain(settings, sum));
      return sum;
    },
  };
}

type Settings = Parameters<typeof generateText>[0] & Parameters<typeof streamText>[0];

async function plain(settings: Settings, sum: AnswerSum): Promise<void> {
  const result = await generateText(settings);
  for (const step of result.steps) {
    sum.text += step.text;
    sum.reasoning += step.reasoningText ?? '';
    sum.count(step.usage.inputTokens, step.usage.outputTokens);
  }
}

async function streamed(settings: Settings, options: SdkOptions, sum: AnswerSum): Promise<void> {
  const result = streamText({ ...settings, onError: () => {} });
  for await (const part of result.fullStream) {
    if (part.type === 'error') throw part.error;
    if (part.type === 'abort') throw new DOMException('aborted', 'AbortError');
    if (part.type === 'reasoning-delta') sum.reasoning += part.text;
    if (part.type === 'finish-step') sum.count(part.usage.inputTokens, part.usage.outputTokens);
    if (part.type !== 'text-delta') continue;
    sum.text += part.text;
    options.onPiece?.(part.text);
  }
}

export const aiSdkScripts: readonly SdkScript[] = [
  aiSdkScript(
    'ai with @ai-sdk/openai, responses',
    'openai-responses',
    ({ root, apiKey, model }) => createOpenAI({ baseURL: `${root}/v1`, apiKey }).responses(model),
    {
      openai: {
        reasoningEffort: 'low',
        reasoningSummary: 'auto',
        forceReasoning: true,
        store: false,
        include: ['reasoning.encrypted_content'],
      },
    },
  ),
  aiSdkScript(
    'ai with @ai-sdk/openai, chat completions',
    'openai-chat',
    ({ root, apiKey, model }) => createOpenAI({ baseURL: `${root}/v1`, apiKey }).chat(model),
    undefined,
  ),
  aiSdkScript(
    'ai with @ai-sdk/openai-compatible',
    'openai-chat',
    ({ root, apiKey, model }) =>
      createOpenAICompatible({ name: 'simulator', baseURL: `${root}/v1`, apiKey, includeUsage: true })(model),
    undefined,
  ),
  aiSdkScript(
    'ai with @ai-sdk/anthropic',
    'anthropic-messages',
    ({ root, apiKey, model }) => createAnthropic({ baseURL: `${root}/v1`, apiKey })(model),
    { anthropic: { thinking: { type: 'enabled', budgetTokens: 1_024 } } },
  ),
  aiSdkScript(
    'ai with @ai-sdk/google',
    'google-generate',
    ({ root, apiKey, model }) => createGoogleGenerativeAI({ baseURL: `${root}/v1beta`, apiKey })(model),
    { google: { thinkingConfig: { includeThoughts: true } } },
  ),
];
