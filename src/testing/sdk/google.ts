import { type Content, type GenerateContentResponse, GoogleGenAI, type Part, type Tool } from '@google/genai';
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

const TOOLS: Tool[] = [
  {
    functionDeclarations: [
      { name: WEATHER_TOOL, description: WEATHER_DESCRIPTION, parametersJsonSchema: WEATHER_SCHEMA },
    ],
  },
];

export const googleScript: SdkScript = {
  name: '@google/genai',
  wire: 'google-generate',
  async converse(target, prompt, options) {
    const attempts = (options.retries ?? 0) + 1;
    const client = new GoogleGenAI({
      apiKey: target.apiKey,
      httpOptions: { baseUrl: target.root, ...(attempts > 1 ? { retryOptions: { attempts } } : {}) },
    });
    const contents: Content[] = [{ role: 'user', parts: [{ text: prompt }] }];
    const sum = new AnswerSum();
    for (;;) {
      const parts = await turn(client, contents, { target, options, sum });
      for (const part of parts) {
        if (part.text === undefined) continue;
        if (part.thought) sum.reasoning += part.text;
        else sum.text += part.text;
      }
      const calls = parts.flatMap((part) => (part.functionCall ? [part.functionCall] : []));
      if (calls.length === 0) return sum;
      contents.push({ role: 'model', parts: parts.filter((part) => part.text !== '') });
      const results = calls.map((call): Part => {
        const city = cityOf(call.args);
        sum.cities.push(city);
        return {
          functionResponse: { id: call.id ?? '', name: call.name ?? '', response: { output: weatherIn(city) } },
        };
      });
      contents.push({ role: 'user', parts: results });
    }
  },
};

interface TurnContext {
  readonly target: SdkTarget;
  readonly options: SdkOptions;
  readonly sum: AnswerSum;
}

async function turn(client: GoogleGenAI, contents: Content[], { target, options, sum }: TurnContext): Promise<Part[]> {
  const config = {
    tools: TOOLS,
    thinkingConfig: { includeThoughts: true },
    ...(options.signal ? { abortSignal: options.signal } : {}),
  };
  const request = { model: target.model, contents, config };
  const chunks = options.stream
    ? await client.models.generateContentStream(request)
    : [await client.models.generateContent(request)];
  const parts: Part[] = [];
  let last: GenerateContentResponse | undefined;
  for await (const chunk of chunks) {
    last = chunk;
    for (const part of chunk.candidates?.[0]?.content?.parts ?? []) {
      parts.push(part);
      if (part.text && !part.thought) options.onPiece?.(part.text);
    }
  }
  const usage = last?.usageMetadata;
  sum.count(usage?.promptTokenCount, (usage?.candidatesTokenCount ?? 0) + (usage?.thoughtsTokenCount ?? 0));
  return parts;
}
