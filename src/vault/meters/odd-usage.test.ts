import { describe, expect, it } from 'vitest';
import { isPlausible, type MeteredUsage } from '../model/usage.ts';
import { anthropicMessagesMeter } from './anthropic-messages.ts';
import { googleGenerateMeter } from './google-generate.ts';
import type { Meter } from './meter.ts';
import { openaiChatMeter } from './openai-chat.ts';
import { openaiResponsesMeter } from './openai-responses.ts';
import { StreamTail } from './stream-tail.ts';

/** What providers really send, and what a broken or hostile one may: believed, or charged in full as estimated. */
const WINDOW = 100_000;

interface WireCase {
  readonly name: string;
  readonly meter: Meter;
  /** One event with these numbers, or with the field left out. */
  readonly event: (input: unknown, output: unknown) => object;
}

const WIRES: readonly WireCase[] = [
  {
    name: 'openai-chat',
    meter: openaiChatMeter,
    event: (input, output) => ({ choices: [], usage: { prompt_tokens: input, completion_tokens: output } }),
  },
  {
    name: 'openai-responses',
    meter: openaiResponsesMeter,
    event: (input, output) => ({
      type: 'response.completed',
      response: { usage: { input_tokens: input, output_tokens: output } },
    }),
  },
  {
    name: 'anthropic-messages',
    meter: anthropicMessagesMeter,
    event: (input, output) => ({ type: 'message_delta', usage: { input_tokens: input, output_tokens: output } }),
  },
  {
    name: 'google-generate',
    meter: googleGenerateMeter,
    event: (input, output) => ({ usageMetadata: { promptTokenCount: input, candidatesTokenCount: output } }),
  },
];

function read(meter: Meter, events: readonly object[], cut = 0): MeteredUsage | undefined {
  const tail = new StreamTail(meter);
  const text = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
  tail.push(Buffer.from(text.slice(0, text.length - cut)));
  const usage = tail.usage();
  return usage && isPlausible(usage, WINDOW) ? usage : undefined;
}

describe.each(WIRES)('usage numbers of $name', ({ meter, event }) => {
  it.each([
    ['sensible', [event(100, 40)], [100, 40]],
    ['growing', [event(100, 1), event(100, 20), event(100, 40)], [100, 40]],
    ['said twice', [event(100, 40), event(100, 40)], [100, 40]],
    ['after the end', [{ done: true }, event(100, 40)], [100, 40]],
    ['nothing written', [event(100, 0)], [100, 0]],
  ] as const)('%s: settled', (_name, events, [inputTokens, outputTokens]) => {
    expect(read(meter, events)).toMatchObject({ inputTokens, outputTokens });
  });

  it.each([
    ['missing', [{ choices: [] }]],
    ['negative', [event(-100, 40)]],
    ['negative output', [event(100, -40)]],
    ['not a number', [event(Number.NaN, 40)]],
    ['text', [event('100', '40')]],
    ['infinite', [event(1e308, 40)]],
    ['a fraction', [event(100.5, 40)]],
    ['absurd', [event(100, 40_000_000)]],
    ['no input at all', [event(0, 40)]],
    ['taken back', [event(100, 40), event(100, 4)]],
    ['input taken back', [event(100, 40), event(10, 40)]],
  ] as const)('%s: estimated', (_name, events) => {
    expect(read(meter, events)).toBeUndefined();
  });

  it('cut in the middle: estimated', () => {
    expect(read(meter, [event(100, 40)], 6)).toBeUndefined();
  });
});

describe('reasoning and caches', () => {
  const chat = (usage: object) => read(openaiChatMeter, [{ choices: [], usage }]);

  it('reasoning that is billed but not counted in the output is found by the total', () => {
    const usage = {
      prompt_tokens: 32,
      completion_tokens: 9,
      total_tokens: 135,
      completion_tokens_details: { reasoning_tokens: 94 },
    };
    expect(chat(usage)).toMatchObject({ inputTokens: 32, outputTokens: 103, reasoningTokens: 94 });
    const counted = { ...usage, completion_tokens: 103 };
    expect(chat(counted)).toMatchObject({ outputTokens: 103 });
    expect(chat({ ...usage, total_tokens: 41 })).toMatchObject({ outputTokens: 9 });
  });

  it('a Gemini answer whose last chunk leaves a count out', () => {
    const usageMetadata = { promptTokenCount: 10, totalTokenCount: 60, thoughtsTokenCount: 20 };
    expect(read(googleGenerateMeter, [{ usageMetadata }])).toMatchObject({ inputTokens: 10, outputTokens: 50 });
  });

  it('more cached than read is not believed', () => {
    const usage = { prompt_tokens: 10, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 11 } };
    expect(chat(usage)).toBeUndefined();
  });
});
