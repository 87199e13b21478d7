import type { LanguageModelV4FinishReason, LanguageModelV4StreamPart, LanguageModelV4Usage } from '@ai-sdk/provider';
import type { AssistantMessage, StopReason, Usage } from '../../protocol/transcript.ts';
import { createMessageDraft, type MessageDraft, type TextKind } from './message-draft.ts';
import type { ModelEvent, ModelRequest } from './model.ts';
import { REASONING_NAMESPACE } from './reasoning-fields.ts';

/**
 * Stream parts → events and the finished message. An error part ends the stream: a gap in the arguments of a tool call
 * must never look like a complete call.
 */
export interface StreamParser {
  /** Throws `StreamErrorPart` for an error part. */
  accept(part: LanguageModelV4StreamPart): ModelEvent[];
  /** Undefined until the provider said that it is done. */
  readonly finish: Finish | undefined;
  readonly anythingArrived: boolean;
  message(): AssistantMessage;
}

export interface Finish {
  readonly reason: LanguageModelV4FinishReason;
  readonly usage: Usage;
}

export class StreamErrorPart extends Error {
  readonly part: unknown;
  constructor(part: unknown) {
    super('The stream carried an error.', { cause: part });
    this.part = part;
  }
}

export function createStreamParser(request: ModelRequest, wire: string): StreamParser {
  const draft = createMessageDraft(request);
  let finish: Finish | undefined;
  let anythingArrived = false;
  let cut = false;
  return {
    accept: (part) => {
      if (part.type === 'error') {
        if (!isCut(part.error)) throw new StreamErrorPart(part.error);
        cut = true;
        return [];
      }
      if (part.type === 'finish') {
        const reason = cut ? ({ unified: 'interrupted', raw: undefined } as const) : part.finishReason;
        finish = { reason, usage: toUsage(part.usage) };
        draft.attachNotes(part.providerMetadata?.[REASONING_NAMESPACE]);
        return [];
      }
      if (!BOOKKEEPING.has(part.type)) anythingArrived = true;
      return acceptText(draft, part) ?? acceptCall(draft, part);
    },
    get finish() {
      return finish;
    },
    get anythingArrived() {
      return anythingArrived;
    },
    message: () => ({ role: 'assistant', model: request.model, wire, parts: draft.parts() }),
  };
}

/** Why it stopped, for the loop: a call always wants to be answered, except when it was cut off. */
export function stopReason(finish: Finish, message: AssistantMessage): StopReason {
  const { unified } = finish.reason;
  if (unified === 'length' || unified === 'content-filter') return unified;
  if (message.parts.some((part) => part.type === 'tool-call')) return 'tool-calls';
  return unified === 'stop' ? 'end' : 'other';
}

const BOOKKEEPING = new Set<LanguageModelV4StreamPart['type']>(['stream-start', 'response-metadata', 'ping', 'raw']);

/** One package reports a stream that just ends as an error; the others as an interrupted one. */
function isCut(error: unknown): boolean {
  return error instanceof Error && /ended without a finish reason/.test(error.message);
}

function acceptText(draft: MessageDraft, part: LanguageModelV4StreamPart): ModelEvent[] | undefined {
  switch (part.type) {
    case 'text-start':
    case 'reasoning-start':
      draft.openText(kindOf(part.type), part.id, part.providerMetadata);
      return [];
    case 'text-delta':
    case 'reasoning-delta': {
      const { delta, id, providerMetadata: metadata } = part;
      const type = kindOf(part.type);
      draft.addText(type, id, { text: delta, metadata });
      return delta === '' ? [] : [{ type, delta }];
    }
    case 'text-end':
    case 'reasoning-end':
      draft.closeText(kindOf(part.type), part.id, part.providerMetadata);
      return [];
    default:
      return undefined;
  }
}

/** Calls of tools that run at the provider, sources and files are left out: we ask for none. */
function acceptCall(draft: MessageDraft, part: LanguageModelV4StreamPart): ModelEvent[] {
  if (part.type === 'tool-input-start' && part.providerExecuted !== true) {
    const { callId, tool } = draft.openCall(part.id, part.toolName, part.providerMetadata);
    return [{ type: 'tool-input', callId, tool, delta: '' }];
  }
  if (part.type === 'tool-input-delta') {
    const call = draft.addArguments(part.id, part.delta);
    return call === undefined ? [] : [{ type: 'tool-input', callId: call.callId, tool: call.tool, delta: part.delta }];
  }
  if (part.type === 'tool-call' && part.providerExecuted !== true) {
    const { toolCallId, toolName: tool, input, providerMetadata: metadata } = part;
    draft.closeCall(toolCallId, { tool, arguments: input, metadata });
  }
  return [];
}

function kindOf(type: `${TextKind}-${'start' | 'delta' | 'end'}`): TextKind {
  return type.startsWith('text') ? 'text' : 'reasoning';
}

function toUsage({ inputTokens, outputTokens, raw }: LanguageModelV4Usage): Usage {
  // Some packages fill unreported counts with zeros; without raw numbers nothing was reported.
  if (raw === undefined) return {};
  const counts = {
    inputTokens: inputTokens.total,
    outputTokens: outputTokens.total,
    cachedInputTokens: inputTokens.cacheRead,
    cacheWriteTokens: inputTokens.cacheWrite,
    reasoningTokens: outputTokens.reasoning,
  };
  const reported = Object.entries(counts).filter(([, count]) => Number.isInteger(count) && Number(count) >= 0);
  return Object.fromEntries(reported);
}
