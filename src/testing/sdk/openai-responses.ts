import OpenAI from 'openai';
import type {
  FunctionTool,
  Response,
  ResponseCreateParamsBase,
  ResponseInput,
} from 'openai/resources/responses/responses';
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

const TOOLS: FunctionTool[] = [
  { type: 'function', name: WEATHER_TOOL, description: WEATHER_DESCRIPTION, parameters: WEATHER_SCHEMA, strict: true },
];

/** Keeps the conversation itself: nothing is stored, reasoning goes back encrypted. */
export const openaiResponsesScript: SdkScript = {
  name: 'openai, responses',
  wire: 'openai-responses',
  async converse(target, prompt, options) {
    const client = new OpenAI({
      baseURL: `${target.root}/v1`,
      apiKey: target.apiKey,
      maxRetries: options.retries ?? 0,
    });
    const input: ResponseInput = [{ role: 'user', content: prompt }];
    const sum = new AnswerSum();
    for (;;) {
      const request = {
        model: target.model,
        input,
        tools: TOOLS,
        store: false,
        include: ['reasoning.encrypted_content' as const],
        reasoning: { effort: 'low' as const, summary: 'auto' as const },
      };
      const response = await (options.stream ? streamed : plain)(client, request, options);
      sum.count(response.usage?.input_tokens, response.usage?.output_tokens);
      sum.text += response.output_text;
      const outputs: ResponseInput = [];
      for (const item of response.output) {
        if (item.type === 'reasoning') sum.reasoning += item.summary.map((part) => part.text).join('');
        if (item.type !== 'function_call') continue;
        const city = cityOf(JSON.parse(item.arguments));
        sum.cities.push(city);
        outputs.push({ type: 'function_call_output', call_id: item.call_id, output: weatherIn(city) });
      }
      if (outputs.length === 0) return sum;
      for (const item of response.output) {
        if (item.type === 'reasoning' || item.type === 'function_call' || item.type === 'message') input.push(item);
      }
      input.push(...outputs);
    }
  },
};

async function plain(client: OpenAI, request: ResponseCreateParamsBase, options: SdkOptions): Promise<Response> {
  return await client.responses.create({ ...request, stream: false }, { signal: options.signal });
}

async function streamed(client: OpenAI, request: ResponseCreateParamsBase, options: SdkOptions): Promise<Response> {
  const stream = client.responses.stream({ ...request, stream: true }, { signal: options.signal });
  for await (const event of stream) if (event.type === 'response.output_text.delta') options.onPiece?.(event.delta);
  return await stream.finalResponse();
}
