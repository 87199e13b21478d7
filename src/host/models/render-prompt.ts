import type {
  LanguageModelV4FunctionTool,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  SharedV4ProviderOptions,
} from '@ai-sdk/provider';
import type { WireFormat } from '../../protocol/provider.ts';
import type { ToolDescription } from '../../protocol/tool.ts';
import type { TranscriptMessage } from '../../protocol/transcript.ts';
import { attachmentFor } from './attachments.ts';
import { pairTurns, type Turn, type TurnPart } from './pair-turns.ts';
import { replayedFields } from './reasoning-fields.ts';

/**
 * Transcript → the AI SDK's prompt. The same transcript gives the same bytes, and a longer one begins with the bytes of
 * the shorter one, so that providers can cache the prefix: system first, tools sorted by name, nothing that varies.
 */
export interface RenderRequest {
  readonly system: string;
  readonly transcript: readonly TranscriptMessage[];
  readonly provider: string;
  readonly wire: WireFormat;
  /** Mistral refuses a user message right after a tool result. */
  readonly bridgeToolToUser?: boolean;
}

type AssistantContent = Extract<LanguageModelV4Message, { role: 'assistant' }>['content'];
type ToolContent = Extract<LanguageModelV4Message, { role: 'tool' }>['content'];
type CallPart = Extract<TurnPart, { type: 'tool-call' }>;

const BRIDGE = '(interrupted by the user)';
const CACHE_HERE: SharedV4ProviderOptions = { anthropic: { cacheControl: { type: 'ephemeral' } } };

export function renderPrompt(request: RenderRequest): LanguageModelV4Prompt {
  const turns = pairTurns(request.transcript, request);
  const messages: LanguageModelV4Prompt = turns.flatMap((turn, index) => [
    ...(request.bridgeToolToUser === true && turn.role === 'user' && turns[index - 1] && isCalling(turns[index - 1])
      ? [textMessage('assistant', BRIDGE)]
      : []),
    ...renderTurn(turn, request.wire),
  ]);
  if (request.system.trim() !== '') messages.unshift({ role: 'system', content: request.system });
  return request.wire === 'anthropic-messages' ? withCacheBreakpoints(messages) : messages;
}

export function renderTools(tools: readonly ToolDescription[]): LanguageModelV4FunctionTool[] {
  return [...tools]
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(({ name, description, inputSchema }) => ({ type: 'function', name, description, inputSchema }));
}

function renderTurn(turn: Turn, wire: WireFormat): LanguageModelV4Message[] {
  if (turn.role === 'user') return [textMessage('user', turn.text)];
  const calls = turn.parts.filter((part): part is CallPart => part.type === 'tool-call');
  const fields = wire === 'openai-chat' ? replayedFields(turn.parts) : undefined;
  const content = turn.parts.flatMap((part) => renderPart(part, wire));
  const assistant: LanguageModelV4Message = {
    role: 'assistant',
    content,
    ...(fields === undefined ? {} : { providerOptions: { openaiCompatible: fields } }),
  };
  if (calls.length === 0) return content.length === 0 ? [] : [assistant];
  return [assistant, { role: 'tool', content: calls.map(renderResult) }];
}

function renderPart(part: TurnPart, wire: WireFormat): AssistantContent {
  const options = attachmentFor(part.opaque, wire);
  const providerOptions = options === undefined ? {} : { providerOptions: options };
  if (part.type === 'text') return [{ type: 'text', text: part.text, ...providerOptions }];
  if (part.type === 'reasoning') {
    // In this wire format reasoning is a field of the message, see `replayedFields`.
    return wire === 'openai-chat' ? [] : [{ type: 'reasoning', text: part.text, ...providerOptions }];
  }
  const { callId: toolCallId, tool: toolName, input } = part;
  return [{ type: 'tool-call', toolCallId, toolName, input, ...providerOptions }];
}

function renderResult({ callId, tool, result }: CallPart): ToolContent[number] {
  const output = { type: result.isError ? 'error-text' : 'text', value: result.text } as const;
  return { type: 'tool-result', toolCallId: callId, toolName: tool, output };
}

function textMessage(role: 'user' | 'assistant', text: string): LanguageModelV4Message {
  return { role, content: [{ type: 'text', text }] };
}

function isCalling(turn: Turn | undefined): boolean {
  return turn?.role === 'assistant' && turn.parts.some((part) => part.type === 'tool-call');
}

/** Two breakpoints: after the system prompt (with the tools before it) and at the end of the conversation so far. */
function withCacheBreakpoints(messages: LanguageModelV4Prompt): LanguageModelV4Prompt {
  const last = messages.length - 1;
  return messages.map((message, index) =>
    message.role === 'system' || (index === last && message.role !== 'assistant')
      ? { ...message, providerOptions: CACHE_HERE }
      : message,
  );
}
