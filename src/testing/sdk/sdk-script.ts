import type { WireFormat } from '../../protocol/provider.ts';

/** Where an SDK is pointed: the simulator itself, or the vault in front of it. `root` has no `/v1`. */
export interface SdkTarget {
  readonly root: string;
  readonly apiKey: string;
  readonly model: string;
}

export interface SdkOptions {
  readonly stream: boolean;
  /** Retries the SDK makes by itself. Default 0. */
  readonly retries?: number;
  readonly signal?: AbortSignal;
  /** Called for each piece of streamed text. */
  readonly onPiece?: (text: string) => void;
}

/** What came back of a whole conversation: tool calls are executed and sent back until the model calls no more. */
export interface SdkAnswer {
  readonly text: string;
  readonly reasoning: string;
  /** Cities that the tool was asked for, in order. */
  readonly cities: readonly string[];
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** One official SDK, unchanged, driven through the same conversation as the others. */
export interface SdkScript {
  readonly name: string;
  readonly wire: WireFormat;
  converse(target: SdkTarget, prompt: string, options: SdkOptions): Promise<SdkAnswer>;
}

/** The one tool that every script offers. */
export const WEATHER_TOOL = 'get_weather';
export const WEATHER_DESCRIPTION = 'The weather in a city';
export const WEATHER_SCHEMA = {
  type: 'object' as const,
  properties: { city: { type: 'string' as const } },
  required: ['city'],
  additionalProperties: false,
};

export function weatherIn(city: string): string {
  return `sunny in ${city}`;
}

export function cityOf(input: unknown): string {
  if (typeof input !== 'object' || input === null || !('city' in input)) throw new Error('the tool call names no city');
  return String(input.city);
}

/** Adds up what several model calls of one conversation said. */
export class AnswerSum {
  text = '';
  reasoning = '';
  readonly cities: string[] = [];
  inputTokens = 0;
  outputTokens = 0;

  count(input: number | null | undefined, output: number | null | undefined): void {
    this.inputTokens += input ?? 0;
    this.outputTokens += output ?? 0;
  }
}

/** The HTTP status in an SDK's error, wherever that SDK keeps it. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  for (const name of ['status', 'statusCode']) {
    const value: unknown = Reflect.get(error, name);
    if (typeof value === 'number') return value;
  }
  return statusOf(Reflect.get(error, 'lastError'));
}
