import type { Conversation, Turn } from '../conversation.ts';
import { type Block, Body, type Message } from './anthropic-body.ts';
import {
  checkMessages,
  checkPairs,
  checkThinking,
  checkThinkingBlocks,
  checkTools,
  refuse,
} from './anthropic-checks.ts';
import { deepestProblem, header, textOf, type WireRequest } from './wire.ts';

export function readAnthropic(request: WireRequest): Conversation {
  if (header(request, 'anthropic-version') === undefined) throw refuse('anthropic-version: header is required');
  const body = parseBody(request.body);
  const messages = joined(body);
  const thinking = body.thinking !== undefined && body.thinking.type !== 'disabled';
  if (body.thinking) checkThinking(body);
  checkTools(body);
  checkMessages(messages);
  checkPairs(messages);
  if (thinking) checkThinkingBlocks(messages);
  return {
    wire: 'anthropic-messages',
    model: body.model,
    system: textOf(body.system),
    turns: messages.flatMap((message, index) => turnsOf(message, messages[index - 1])),
    tools: (body.tools ?? []).map((tool) => tool.name),
    stream: body.stream ?? false,
    maxOutputTokens: body.max_tokens,
    reasoning: thinking ? 'shown' : 'off',
    asks: new Set(JSON.stringify(body).includes('"cache_control"') ? ['cache'] : []),
    toolChars: JSON.stringify(body.tools ?? []).length,
  };
}

function parseBody(raw: unknown): Body {
  if (typeof raw === 'object' && raw !== null)
    for (const field of ['model', 'max_tokens', 'messages'])
      if (!(field in raw)) throw refuse(`${field}: Field required`);
  const parsed = Body.safeParse(raw);
  if (parsed.success) return parsed.data;
  const problem = deepestProblem(parsed.error);
  throw refuse(`${problem.path.map(String).join('.')}: ${wordsOf(problem)}`);
}

function wordsOf({ path, message }: { path: PropertyKey[]; message: string }): string {
  const at = path.at(-1);
  if (at === 'input') return 'Input should be a valid dictionary';
  return at === 'max_tokens' ? 'Input should be greater than or equal to 1' : message;
}

/** Turns of one role in a row count as one, as at the vendor. */
function joined(body: Body): Message[] {
  const messages: { role: 'user' | 'assistant'; blocks: Block[] }[] = [];
  body.messages.forEach((message, index) => {
    if (message.content.length === 0 && !(message.role === 'assistant' && index === body.messages.length - 1))
      throw refuse(
        `messages.${index}: all messages must have non-empty content except for the optional final assistant message`,
      );
    const blocks: Block[] =
      typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content;
    const last = messages.at(-1);
    if (last?.role === message.role) last.blocks.push(...blocks);
    else messages.push({ role: message.role, blocks: [...blocks] });
  });
  return messages;
}

function turnsOf(message: Message, previous: Message | undefined): Turn[] {
  const text = textOf(message.blocks.filter((block) => block.type === 'text'));
  if (message.role === 'assistant') {
    const calls = message.blocks.flatMap((block) =>
      block.type === 'tool_use' ? [{ callId: block.id, tool: block.name }] : [],
    );
    return [{ role: 'assistant', text, calls }];
  }
  const results = message.blocks.flatMap((block): Turn[] => {
    if (block.type !== 'tool_result') return [];
    const use = previous?.blocks.find((other) => other.type === 'tool_use' && other.id === block.tool_use_id);
    const tool = use?.type === 'tool_use' ? use.name : '';
    return [{ role: 'tool', callId: block.tool_use_id, tool, text: textOf(block.content) }];
  });
  return text === '' && results.length > 0 ? results : [...results, { role: 'user', text }];
}
