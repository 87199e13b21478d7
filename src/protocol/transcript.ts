import { z } from 'zod';
import { JsonValue } from './json.ts';

/**
 * The provider-neutral transcript. It is always derived from the journal, never stored as such. `opaque` is what a
 * provider attached to a part (signature, encrypted reasoning, item id): kept verbatim and given back to the same wire
 * format, dropped for another one.
 */
export const TextPart = z.object({ type: z.literal('text'), text: z.string(), opaque: JsonValue.optional() });
export const ReasoningPart = z.object({ type: z.literal('reasoning'), text: z.string(), opaque: JsonValue.optional() });
export const ToolCallPart = z.object({
  type: z.literal('tool-call'),
  callId: z.string(),
  tool: z.string(),
  /** The parsed arguments; when the model sent something that is not JSON, `{}` with `malformed` holding the raw text. */
  input: JsonValue,
  malformed: z.string().optional(),
  opaque: JsonValue.optional(),
});
export type ToolCallPart = z.infer<typeof ToolCallPart>;
export const AssistantPart = z.discriminatedUnion('type', [TextPart, ReasoningPart, ToolCallPart]);
export type AssistantPart = z.infer<typeof AssistantPart>;

export const AssistantMessage = z.object({
  role: z.literal('assistant'),
  /** The model reference that wrote it, `provider/model`. */
  model: z.string(),
  wire: z.string(),
  parts: z.array(AssistantPart),
});
export type AssistantMessage = z.infer<typeof AssistantMessage>;

export interface UserMessage {
  readonly role: 'user';
  readonly text: string;
}
export interface ToolMessage {
  readonly role: 'tool';
  readonly callId: string;
  readonly tool: string;
  readonly text: string;
  readonly isError: boolean;
}
export type TranscriptMessage = UserMessage | AssistantMessage | ToolMessage;

/** Token counts of one model call as the provider reported them; `undefined` means not reported, never zero. */
export const Usage = z.object({
  inputTokens: z.number().int().nonnegative().optional(),
  outputTokens: z.number().int().nonnegative().optional(),
  cachedInputTokens: z.number().int().nonnegative().optional(),
  cacheWriteTokens: z.number().int().nonnegative().optional(),
  reasoningTokens: z.number().int().nonnegative().optional(),
});
export type Usage = z.infer<typeof Usage>;

export const STOP_REASONS = ['end', 'tool-calls', 'length', 'content-filter', 'other'] as const;
export const StopReason = z.enum(STOP_REASONS);
export type StopReason = z.infer<typeof StopReason>;

/** The text a person would read: all text parts joined, reasoning and calls left out. */
export function visibleText(message: AssistantMessage): string {
  return message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

export function toolCalls(message: AssistantMessage): ToolCallPart[] {
  return message.parts.filter((part) => part.type === 'tool-call');
}
