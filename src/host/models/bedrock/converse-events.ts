import type { LanguageModelV4StreamPart, LanguageModelV4Usage } from '@ai-sdk/provider';
import { z } from 'zod';
import type { Frame } from '../../../base/event-stream.ts';
import { BEDROCK } from './converse-request.ts';

/**
 * The events of ConverseStream → the parts that every wire format is told in. The end is said when the usage is known
 * (`metadata` follows `messageStop`), or, if it never comes, when the stream is over.
 */
export interface ConverseEvents {
  accept(frame: Frame): LanguageModelV4StreamPart[];
  /** What is still to be said when the stream is over. */
  end(): LanguageModelV4StreamPart[];
}

const Index = z.object({ contentBlockIndex: z.number().default(0) });
const Start = Index.extend({
  start: z.object({ toolUse: z.object({ toolUseId: z.string(), name: z.string() }).optional() }).optional(),
});
const Delta = Index.extend({
  delta: z.object({
    text: z.string().optional(),
    toolUse: z.object({ input: z.string().default('') }).optional(),
    reasoningContent: z
      .object({ text: z.string().optional(), signature: z.string().optional(), redactedContent: z.string().optional() })
      .optional(),
  }),
});
const Stop = z.object({ stopReason: z.string() });
const Metadata = z.object({
  usage: z.object({
    inputTokens: z.number(),
    outputTokens: z.number(),
    cacheReadInputTokens: z.number().optional(),
    cacheWriteInputTokens: z.number().optional(),
  }),
});
type Usage = z.infer<typeof Metadata>['usage'];
type Reason = Extract<LanguageModelV4StreamPart, { type: 'finish' }>['finishReason']['unified'];

const REASONS: Readonly<Record<string, Reason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  tool_use: 'tool-calls',
  guardrail_intervened: 'content-filter',
  content_filtered: 'content-filter',
};

interface Block {
  readonly kind: 'text' | 'reasoning' | 'tool';
  readonly id: string;
  readonly tool: string;
  input: string;
}

export function createConverseEvents(): ConverseEvents {
  const blocks = new Map<number, Block>();
  let stopReason: string | undefined;
  let usage: Usage | undefined;

  const open = (index: number, kind: 'text' | 'reasoning'): { block: Block; parts: LanguageModelV4StreamPart[] } => {
    const known = blocks.get(index);
    if (known) return { block: known, parts: [] };
    const block: Block = { kind, id: String(index), tool: '', input: '' };
    blocks.set(index, block);
    return { block, parts: [{ type: `${kind}-start`, id: block.id }] };
  };
  const acceptDelta = ({ contentBlockIndex: index, delta }: z.infer<typeof Delta>): LanguageModelV4StreamPart[] => {
    const { text, toolUse, reasoningContent } = delta;
    const tool = toolUse && blocks.get(index);
    if (tool?.kind === 'tool') {
      tool.input += toolUse?.input ?? '';
      return [{ type: 'tool-input-delta', id: tool.id, delta: toolUse?.input ?? '' }];
    }
    if (reasoningContent !== undefined) {
      const { block, parts } = open(index, 'reasoning');
      const { signature, redactedContent: redactedData } = reasoningContent;
      const attached = {
        ...(signature === undefined ? {} : { signature }),
        ...(redactedData === undefined ? {} : { redactedData }),
      };
      const metadata = Object.keys(attached).length === 0 ? {} : { providerMetadata: { [BEDROCK]: attached } };
      return [...parts, { type: 'reasoning-delta', id: block.id, delta: reasoningContent.text ?? '', ...metadata }];
    }
    if (text === undefined) return [];
    const { block, parts } = open(index, 'text');
    return [...parts, { type: 'text-delta', id: block.id, delta: text }];
  };
  const close = (index: number): LanguageModelV4StreamPart[] => {
    const block = blocks.get(index);
    blocks.delete(index);
    if (!block) return [];
    if (block.kind !== 'tool') return [{ type: `${block.kind}-end`, id: block.id }];
    const { id, tool: toolName, input } = block;
    return [
      { type: 'tool-input-end', id },
      { type: 'tool-call', toolCallId: id, toolName, input: input === '' ? '{}' : input },
    ];
  };
  const openTool = (
    index: number,
    { toolUseId, name }: { toolUseId: string; name: string },
  ): LanguageModelV4StreamPart[] => {
    blocks.set(index, { kind: 'tool', id: toolUseId, tool: name, input: '' });
    return [{ type: 'tool-input-start', id: toolUseId, toolName: name }];
  };
  return {
    accept: ({ headers, payload }) => {
      const value = parse(payload);
      if (headers[':message-type'] !== 'event') return [{ type: 'error', error: exceptionOf(headers, value) }];
      switch (headers[':event-type']) {
        case 'contentBlockStart': {
          const { contentBlockIndex, start } = Start.parse(value);
          return start?.toolUse ? openTool(contentBlockIndex, start.toolUse) : [];
        }
        case 'contentBlockDelta':
          return acceptDelta(Delta.parse(value));
        case 'contentBlockStop':
          return close(Index.parse(value).contentBlockIndex);
        case 'messageStop':
          stopReason = Stop.parse(value).stopReason;
          return [];
        case 'metadata': {
          const metadata = Metadata.safeParse(value);
          usage = metadata.success ? metadata.data.usage : undefined;
          return [];
        }
        default:
          return [];
      }
    },
    end: () => {
      // Without it the answer was cut off, and whoever reads this says so.
      if (stopReason === undefined) return [];
      const finishReason = { unified: REASONS[stopReason] ?? 'other', raw: stopReason } as const;
      return [{ type: 'finish', finishReason, usage: usageOf(usage) }];
    },
  };
}

/** `throttlingException` and the like, in the form in which other providers put errors into a stream. */
function exceptionOf(headers: Frame['headers'], value: unknown): object {
  const type = headers[':exception-type'] ?? headers[':error-code'] ?? 'exception';
  const words = z.object({ message: z.string() }).safeParse(value);
  const code = z.object({ code: z.string() }).safeParse(value);
  const message = words.success ? words.data.message : (headers[':error-message'] ?? type);
  return { type, message, ...(code.success ? { code: code.data.code } : {}) };
}

function usageOf(usage: Usage | undefined): LanguageModelV4Usage {
  const none = { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined };
  if (!usage) return { inputTokens: none, outputTokens: { total: undefined, text: undefined, reasoning: undefined } };
  const { inputTokens: noCache, outputTokens: total, cacheReadInputTokens: read, cacheWriteInputTokens: write } = usage;
  return {
    inputTokens: { total: noCache + (read ?? 0) + (write ?? 0), noCache, cacheRead: read, cacheWrite: write },
    outputTokens: { total, text: undefined, reasoning: undefined },
    raw: { inputTokens: noCache, outputTokens: total },
  };
}

function parse(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch {
    return undefined; // the schema of the event says what is wrong
  }
}
