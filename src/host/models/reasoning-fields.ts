import type { JSONObject, JSONValue } from '@ai-sdk/provider';
import { z } from 'zod';
import type { TurnPart } from './pair-turns.ts';

/**
 * Reasoning of Chat Completions providers. The format has no place for it, so every vendor invented a field of the
 * message (`reasoning_content`, `reasoning`, OpenRouter's signed `reasoning_details`), and refuses the others' fields.
 * We note which field reasoning came in and give it back in the same one, signed details word for word.
 */
export const REASONING_NAMESPACE = 'holdfast';

const Detail = z.looseObject({ type: z.string().optional(), index: z.number().optional() });
const Chunk = z.object({
  choices: z.array(
    z.object({
      delta: z
        .object({
          reasoning_content: z.string().nullish(),
          reasoning: z.string().nullish(),
          reasoning_details: z.array(Detail).nullish(),
        })
        .nullish(),
    }),
  ),
});
const Noted = z.object({
  textField: z.enum(['reasoning_content', 'reasoning']).optional(),
  details: z.array(z.record(z.string(), z.json())).optional(),
});
type TextField = 'reasoning_content' | 'reasoning';

/** Fields that arrive in pieces; all others of a detail arrive whole. */
const STREAMED = ['text', 'summary', 'data'] as const;

/** Watches the raw chunks of one answer. */
export function createReasoningNotes(): { processChunk(chunk: unknown): void; build(): JSONObject | undefined } {
  let textField: TextField | undefined;
  const details: Record<string, unknown>[] = [];
  return {
    processChunk: (chunk) => {
      if (!mentionsReasoning(chunk)) return;
      const parsed = Chunk.safeParse(chunk);
      const delta = parsed.success ? parsed.data.choices[0]?.delta : undefined;
      if (!delta) return;
      if (delta.reasoning_content) textField ??= 'reasoning_content';
      else if (delta.reasoning) textField ??= 'reasoning';
      for (const detail of delta.reasoning_details ?? []) addDetail(details, detail);
    },
    build: () => {
      if (textField === undefined && details.length === 0) return undefined;
      return toJson({ textField, ...(details.length === 0 ? {} : { details }) });
    },
  };
}

/** The notes among whatever else a package put under the same name; undefined when there are none. */
export function notesIn(metadata: unknown): JSONObject | undefined {
  const parsed = Noted.safeParse(metadata);
  if (!parsed.success) return undefined;
  const { textField, details } = parsed.data;
  return textField === undefined && details === undefined ? undefined : toJson({ textField, details });
}

/** The message fields that give a turn's reasoning back, or undefined when it had none of this kind. */
export function replayedFields(parts: readonly TurnPart[]): JSONObject | undefined {
  const reasoning = parts.filter((part) => part.type === 'reasoning');
  const notes = reasoning.flatMap((part) => {
    const opaque = z.object({ [REASONING_NAMESPACE]: Noted }).safeParse(part.opaque);
    return opaque.success ? [opaque.data[REASONING_NAMESPACE]] : [];
  });
  const details = notes.flatMap((note) => note?.details ?? []);
  if (details.length > 0) return toJson({ reasoning_details: details });
  const textField = notes.find((note) => note?.textField !== undefined)?.textField;
  const text = reasoning.map((part) => part.text).join('');
  return textField === undefined || text === '' ? undefined : { [textField]: text };
}

/** A cheap look before the schema: most chunks are plain text, and this runs for each of them. */
function mentionsReasoning(chunk: unknown): boolean {
  const choices: unknown = isRecord(chunk) ? chunk['choices'] : undefined;
  const first: unknown = Array.isArray(choices) ? choices[0] : undefined;
  const delta = isRecord(first) ? first['delta'] : undefined;
  return isRecord(delta) && Object.keys(delta).some((key) => key.startsWith('reasoning'));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function addDetail(details: Record<string, unknown>[], detail: z.infer<typeof Detail>): void {
  const last = details.at(-1);
  if (last === undefined || last.type !== detail.type || last.index !== detail.index) {
    details.push({ ...detail });
    return;
  }
  for (const [key, value] of Object.entries(detail)) {
    const before = last[key];
    const streamed = STREAMED.some((name) => name === key);
    if (streamed && typeof before === 'string' && typeof value === 'string') last[key] = before + value;
    else if (value !== null && value !== undefined) last[key] = value;
  }
}

function toJson(value: unknown): JSONObject {
  const parsed: JSONValue = JSON.parse(JSON.stringify(value));
  return z.record(z.string(), z.json()).parse(parsed);
}
