import { z } from 'zod';
import type { Conversation, Turn } from '../conversation.ts';
import { checkOpenaiTools, invalidParameter, missingParameter, NAME_PATTERN } from './openai-fault.ts';
import { bracketPath, deepestProblem, textOf, type WireRequest } from './wire.ts';

const Content = z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]).nullish();
const ToolCall = z.looseObject({
  id: z.string(),
  type: z.literal('function'),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});
const Message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content: Content,
  tool_calls: z.array(ToolCall).min(1).nullish(),
  tool_call_id: z.string().nullish(),
});
type Message = z.infer<typeof Message>;
const Body = z.looseObject({
  model: z.string(),
  messages: z.array(Message).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
  max_tokens: z.number().int().positive().nullish(),
  max_completion_tokens: z.number().int().positive().nullish(),
  tools: z
    .array(
      z.looseObject({
        type: z.literal('function'),
        function: z.looseObject({ name: z.string(), parameters: z.unknown() }),
      }),
    )
    .nullish(),
});

export function readOpenaiChat({ body }: WireRequest): Conversation {
  const request = parseBody(body);
  const tools = (request.tools ?? []).map((tool) => tool.function);
  checkOpenaiTools(tools, (index) => `tools[${index}].function`);
  if (request.stream_options && !request.stream)
    throw invalidParameter(
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
      'stream_options',
    );
  checkPairs(request.messages);
  const system = request.messages.filter(isInstruction);
  return {
    wire: 'openai-chat',
    model: request.model,
    system: system.map((message) => textOf(message.content)).join('\n'),
    turns: turnsOf(request.messages),
    tools: tools.map((tool) => tool.name),
    stream: request.stream ?? false,
    maxOutputTokens: request.max_completion_tokens ?? request.max_tokens ?? undefined,
    reasoning: 'shown',
    asks: new Set(request.stream_options?.include_usage ? ['usage'] : []),
    toolChars: JSON.stringify(tools).length,
  };
}

function parseBody(body: unknown): z.infer<typeof Body> {
  if (typeof body === 'object' && body !== null) {
    if (!('model' in body)) throw invalidParameter('you must provide a model parameter', 'model');
    if (!('messages' in body)) throw missingParameter('messages');
    if (Array.isArray(body.messages) && body.messages.length === 0)
      throw invalidParameter(
        "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        'messages',
        'empty_array',
      );
  }
  const parsed = Body.safeParse(body);
  if (parsed.success) return parsed.data;
  const problem = deepestProblem(parsed.error);
  const path = bracketPath(problem.path);
  throw invalidParameter(`Invalid value for '${path}': ${problem.message}`, path, 'invalid_value');
}

const isInstruction = (message: Message): boolean => message.role === 'system' || message.role === 'developer';

/** Every call is answered right after it, every result has its call, and no id comes twice. */
function checkPairs(messages: readonly Message[]): void {
  let open = new Map<string, boolean>();
  messages.forEach((message, index) => {
    if (message.role === 'tool') {
      checkResult(message, open, index);
      return;
    }
    checkAllAnswered(open);
    open = new Map();
    checkContent(message, index);
    message.tool_calls?.forEach((call, position) => {
      const path = `messages[${index}].tool_calls[${position}]`;
      if (!NAME_PATTERN.test(call.function.name))
        throw invalidParameter(
          `Invalid '${path}.function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`,
          `${path}.function.name`,
          'invalid_value',
        );
      if (open.has(call.id))
        throw invalidParameter(`Duplicate value for 'tool_call_id' of '${call.id}' in message[${index}].`, path);
      open.set(call.id, false);
    });
  });
  checkAllAnswered(open);
}

function checkResult(message: Message, open: Map<string, boolean>, index: number): void {
  if (open.size === 0)
    throw invalidParameter(
      "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
      `messages.[${index}].role`,
    );
  const id = message.tool_call_id;
  if (typeof id !== 'string') throw missingParameter(`messages[${index}].tool_call_id`);
  const answered = open.get(id);
  if (answered === undefined)
    throw invalidParameter(
      `Invalid parameter: 'tool_call_id' of '${id}' not found in 'tool_calls' of previous message.`,
      `messages.[${index}].tool_call_id`,
    );
  if (answered)
    throw invalidParameter(
      `Duplicate value for 'tool_call_id' of '${id}' in message[${index}].`,
      `messages.[${index}]`,
    );
  if (message.content === null || message.content === undefined)
    throw invalidParameter(`Invalid value for 'content': expected a string, got null.`, `messages.[${index}].content`);
  open.set(id, true);
}

function checkAllAnswered(open: ReadonlyMap<string, boolean>): void {
  const missing = [...open].filter(([, answered]) => !answered).map(([id]) => id);
  if (missing.length > 0)
    throw invalidParameter(
      `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${missing.join(', ')}`,
      'messages',
    );
}

function checkContent(message: Message, index: number): void {
  const absent = message.content === null || message.content === undefined;
  if (absent && !(message.role === 'assistant' && message.tool_calls))
    throw invalidParameter(`Invalid value for 'content': expected a string, got null.`, `messages.[${index}].content`);
  if (Array.isArray(message.content) && message.content.length === 0)
    throw invalidParameter(
      `Invalid 'messages[${index}].content': empty array. Expected an array with minimum length 1, but got an empty array instead.`,
      `messages[${index}].content`,
      'empty_array',
    );
}

function turnsOf(messages: readonly Message[]): Turn[] {
  const names = new Map<string, string>();
  return messages
    .filter((message) => !isInstruction(message))
    .map((message): Turn => {
      const text = textOf(message.content);
      if (message.role === 'user') return { role: 'user', text };
      if (message.role === 'tool') {
        const callId = message.tool_call_id ?? '';
        return { role: 'tool', callId, tool: names.get(callId) ?? '', text };
      }
      const calls = (message.tool_calls ?? []).map((call) => ({ callId: call.id, tool: call.function.name }));
      for (const call of calls) names.set(call.callId, call.tool);
      return { role: 'assistant', text, calls };
    });
}
