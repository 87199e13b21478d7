import Anthropic from '@anthropic-ai/sdk';
import type {
  Message,
  MessageCreateParamsNonStreaming,
  MessageParam,
  ToolResultBlockParam,
} from '@anthropic-ai/sdk/resources/messages';
import {
  AnswerSum,
  cityOf,
  type SdkOptions,
  type SdkScript,
  WEATHER_DESCRIPTION,
  WEATHER_SCHEMA,
  WEATHER_TOOL,
  weatherIn,
} from './sdk-script.ts';

export const anthropicScript: SdkScript = {
  name: '@anthropic-ai/sdk',
  wire: 'anthropic-messages',
  async converse(target, prompt, options) {
    const client = new Anthropic({ baseURL: target.root, apiKey: target.apiKey, maxRetries: options.retries ?? 0 });
    const messages: MessageParam[] = [{ role: 'user', content: prompt }];
    const sum = new AnswerSum();
    for (;;) {
      const request: MessageCreateParamsNonStreaming = {
        model: target.model,
        max_tokens: 4_096,
        thinking: { type: 'enabled', budget_tokens: 1_024 },
        messages,
        tools: [{ name: WEATHER_TOOL, description: WEATHER_DESCRIPTION, input_schema: WEATHER_SCHEMA }],
      };
      const message = await (options.stream ? streamed : plain)(client, request, options);
      sum.count(message.usage.input_tokens, message.usage.output_tokens);
      const results: ToolResultBlockParam[] = [];
      for (const block of message.content) {
        if (block.type === 'text') sum.text += block.text;
        if (block.type === 'thinking') sum.reasoning += block.thinking;
        if (block.type !== 'tool_use') continue;
        const city = cityOf(block.input);
        sum.cities.push(city);
        results.push({ type: 'tool_result', tool_use_id: block.id, content: weatherIn(city) });
      }
      if (results.length === 0) return sum;
      messages.push({ role: 'assistant', content: message.content }, { role: 'user', content: results });
    }
  },
};

async function plain(
  client: Anthropic,
  request: MessageCreateParamsNonStreaming,
  options: SdkOptions,
): Promise<Message> {
  return await client.messages.create(request, { signal: options.signal });
}

async function streamed(
  client: Anthropic,
  request: MessageCreateParamsNonStreaming,
  options: SdkOptions,
): Promise<Message> {
  const stream = client.messages.stream(request, { signal: options.signal });
  stream.on('text', (text) => options.onPiece?.(text));
  return await stream.finalMessage();
}
