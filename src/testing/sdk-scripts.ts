import type { ScenarioInput } from '../simulator/scenario.ts';
import { aiSdkScripts } from './sdk/ai-sdk.ts';
import { anthropicScript } from './sdk/anthropic.ts';
import { googleScript } from './sdk/google.ts';
import { openaiChatScript } from './sdk/openai-chat.ts';
import { openaiResponsesScript } from './sdk/openai-responses.ts';
import { type SdkScript, WEATHER_TOOL } from './sdk/sdk-script.ts';

/** Every official SDK, unchanged. Point them at the simulator or at the vault in front of it. */
export const SDK_SCRIPTS: readonly SdkScript[] = [
  openaiChatScript,
  openaiResponsesScript,
  anthropicScript,
  googleScript,
  ...aiSdkScripts,
];

export const STORY =
  'Once upon a time a small server told the same story to everyone who asked. 😀 Ünïcödé too. The end.';

/** What the SDK scripts ask for. */
export const SDK_SCENARIO: ScenarioInput = {
  name: 'sdk',
  rules: [
    {
      name: 'weather answer',
      when: { toolResult: { tool: WEATHER_TOOL } },
      answer: { text: 'The tool says: {{result.text}}.', reasoning: 'I read the result.' },
    },
    {
      name: 'two cities',
      when: { user: 'weather in (?<first>\\w+) and (?<second>\\w+)', tools: [WEATHER_TOOL] },
      answer: {
        reasoning: 'I need the tool twice.',
        text: 'Let me look.\n',
        toolCalls: [
          { tool: WEATHER_TOOL, arguments: { city: '{{first}}' } },
          { tool: WEATHER_TOOL, arguments: { city: '{{second}}' } },
        ],
      },
    },
    {
      name: 'story',
      when: { user: 'story' },
      answer: { text: STORY, reasoning: 'A short one will do.', chunkChars: 5 },
    },
    {
      name: 'endless',
      when: { user: 'endless' },
      answer: { text: 'on and on and on. '.repeat(2_000), chunkChars: 10, paceMs: 5 },
    },
    {
      name: 'busy once',
      when: { user: 'busy' },
      times: 1,
      answer: { fault: { type: 'http', status: 429, retryAfterSeconds: 0 } },
    },
    { name: 'busy then', when: { user: 'busy' }, answer: { text: 'Now I have time.' } },
    { name: 'always busy', when: { user: 'rate' }, answer: { fault: { type: 'http', status: 429 } } },
    { name: 'down', when: { user: 'crash' }, answer: { fault: { type: 'http', status: 500 } } },
    {
      name: 'breaks',
      when: { user: 'break' },
      answer: { text: STORY.repeat(20), fault: { type: 'reset', afterBytes: 2_000 } },
    },
  ],
};
