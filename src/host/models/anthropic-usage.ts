import type { LanguageModelV4, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { z } from 'zod';

/**
 * Servers that imitate Anthropic's format may leave out the usage numbers, which the provider package takes for a broken
 * answer. Zeros are put in on the way in and taken out again on the way out, so that an answer is not lost over its bill
 * and nothing unreported is ever counted as zero.
 */
export type StreamingModel = Pick<LanguageModelV4, 'doStream'>;

interface Missing {
  input: boolean;
  output: boolean;
}

const Start = z.looseObject({
  type: z.literal('message_start'),
  message: z.looseObject({ usage: z.unknown().optional() }),
});
const Delta = z.looseObject({ type: z.literal('message_delta'), usage: z.unknown().optional() });

export function withOptionalUsage(
  fetch: typeof globalThis.fetch,
  open: (fetch: typeof globalThis.fetch) => StreamingModel,
): StreamingModel {
  const missing: Missing = { input: false, output: false };
  const model = open(async (input, init) => {
    const response = await fetch(input, init);
    if (!response.ok || response.body === null) return response;
    const { status, headers } = response;
    return new Response(response.body.pipeThrough(fillUsage(missing)), { status, headers });
  });
  return {
    doStream: async (options) => {
      const result = await model.doStream(options);
      return { ...result, stream: result.stream.pipeThrough(dropFilled(missing)) };
    },
  };
}

function fillUsage(missing: Missing): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let rest = '';
  return new TransformStream({
    transform(chunk, controller) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      if (lines.length > 0)
        controller.enqueue(encoder.encode(`${lines.map((line) => fillLine(line, missing)).join('\n')}\n`));
    },
    flush(controller) {
      rest += decoder.decode();
      if (rest !== '') controller.enqueue(encoder.encode(fillLine(rest, missing)));
    },
  });
}

function fillLine(line: string, missing: Missing): string {
  if (!line.startsWith('data:') || !/"message_(start|delta)"/.test(line)) return line;
  const event = parseOrUndefined(line.slice('data:'.length));
  const delta = Delta.safeParse(event);
  if (delta.success && !isUsage(delta.data.usage, 'output_tokens')) {
    missing.output = true;
    return `data: ${JSON.stringify({ ...delta.data, usage: { output_tokens: 0 } })}`;
  }
  const start = Start.safeParse(event);
  if (start.success && !isUsage(start.data.message.usage, 'input_tokens')) {
    missing.input = true;
    const message = { ...start.data.message, usage: { input_tokens: 0, output_tokens: 0 } };
    return `data: ${JSON.stringify({ ...start.data, message })}`;
  }
  return line;
}

function dropFilled(missing: Missing): TransformStream<LanguageModelV4StreamPart, LanguageModelV4StreamPart> {
  return new TransformStream({
    transform(part, controller) {
      if (part.type !== 'finish') return controller.enqueue(part);
      const { usage } = part;
      const none = { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined };
      // A prompt of zero tokens does not exist: the zero of a server that counts nothing.
      const uncounted = missing.input || (missing.output && usage.inputTokens.total === 0);
      const inputTokens = uncounted ? none : usage.inputTokens;
      const silent = { total: undefined, text: undefined, reasoning: undefined };
      const outputTokens = missing.output ? silent : usage.outputTokens;
      controller.enqueue({ ...part, usage: { ...usage, inputTokens, outputTokens } });
    },
  });
}

function isUsage(usage: unknown, field: string): boolean {
  return typeof usage === 'object' && usage !== null && typeof Reflect.get(usage, field) === 'number';
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // garbage is reported where the stream is parsed
  }
}
