import OpenAI from 'openai';
import type { ChatCompletionMessageParam, ChatCompletionTool } from 'openai/resources/chat/completions';
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

const TOOLS: ChatCompletionTool[] = [
  { type: 'function', function: { name: WEATHER_TOOL, description: WEATHER_DESCRIPTION, parameters: WEATHER_SCHEMA } },
];

export const openaiChatScript: SdkScript = {
  name: 'openai, chat completions',
  wire: 'openai-chat',
  async converse(target, prompt, options) {
    const client = new OpenAI({
      baseURL: `${target.root}/v1`,
      apiKey: target.apiKey,
      maxRetries: options.retries ?? 0,
    });
    const messages: ChatCompletionMessageParam[] = [{ role: 'user', content: prompt }];
    const sum = new AnswerSum();
    for (;;) {
      const message = await (options.stream ? streamed : plain)(client, { target, messages, options, sum });
      messages.push(message);
      sum.text += message.content ?? '';
      if (!message.tool_calls?.length) return sum;
      for (const call of message.tool_calls) {
        if (call.type !== 'function') throw new Error('unexpected kind of call');
        const city = cityOf(JSON.parse(call.function.arguments));
        sum.cities.push(city);
        messages.push({ role: 'tool', tool_call_id: call.id, content: weatherIn(city) });
      }
    }
  },
};

interface Turn {
  readonly target: SdkTarget;
  readonly messages: ChatCompletionMessageParam[];
  readonly options: SdkOptions;
  readonly sum: AnswerSum;
}

async function plain(client: OpenAI, { target, messages, options, sum }: Turn) {
  const completion = await client.chat.completions.create(
    { model: target.model, messages, tools: TOOLS },
    { signal: options.signal },
  );
  sum.count(completion.usage?.prompt_tokens, completion.usage?.completion_tokens);
  const message = completion.choices[0]?.message;
  if (message === undefined) throw new Error('no choice');
  addReasoning(sum, message);
  return message;
}

/** Uses the SDK's own accumulator, which is strict about the order and the shape of chunks. */
async function streamed(client: OpenAI, { target, messages, options, sum }: Turn) {
  const stream = client.chat.completions.stream(
    { model: target.model, messages, tools: TOOLS, stream_options: { include_usage: true } },
    { signal: options.signal },
  );
  for await (const chunk of stream) {
    const delta = chunk.choices[0]?.delta;
    if (delta !== undefined) addReasoning(sum, delta);
    if (delta?.content) options.onPiece?.(delta.content);
  }
  const completion = await stream.finalChatCompletion();
  sum.count(completion.usage?.prompt_tokens, completion.usage?.completion_tokens);
  const message = completion.choices[0]?.message;
  if (message === undefined) throw new Error('no choice');
  return message;
}

function addReasoning(sum: AnswerSum, carrier: object): void {
  const value: unknown = Reflect.get(carrier, 'reasoning_content');
  if (typeof value === 'string') sum.reasoning += value;
}
