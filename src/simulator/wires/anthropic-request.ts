import { z } from 'zod';
import type { Conversation, Turn } from '../conversation.ts';
import { isSignatureOf } from '../signature.ts';
import { VendorFault } from '../vendor-fault.ts';
import { deepestProblem, firstDuplicate, header, textOf, type WireRequest } from './wire.ts';

const Block = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text'), text: z.string() }),
  z.looseObject({ type: z.literal('image') }),
  z.looseObject({ type: z.literal('document') }),
  z.looseObject({ type: z.literal('thinking'), thinking: z.string(), signature: z.string() }),
  z.looseObject({ type: z.literal('redacted_thinking'), data: z.string() }),
  z.looseObject({
    type: z.literal('tool_use'),
    id: z.string().regex(/^[a-zA-Z0-9_-]+$/, "String should match pattern '^[a-zA-Z0-9_-]+$'"),
    name: z.string().min(1),
    input: z.record(z.string(), z.unknown()),
  }),
  z.looseObject({
    type: z.literal('tool_result'),
    tool_use_id: z.string(),
    content: z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]).optional(),
  }),
]);
type Block = z.infer<typeof Block>;
const Message = z.looseObject({ role: z.enum(['user', 'assistant']), content: z.union([z.string(), z.array(Block)]) });
const Body = z.looseObject({
  model: z.string(),
  max_tokens: z.number().int().min(1),
  messages: z.array(Message),
  system: z.union([z.string(), z.array(z.looseObject({ type: z.literal('text'), text: z.string() }))]).optional(),
  stream: z.boolean().optional(),
  tools: z
    .array(z.looseObject({ name: z.string(), input_schema: z.looseObject({ type: z.literal('object') }).optional() }))
    .optional(),
  thinking: z
    .looseObject({ type: z.enum(['enabled', 'adaptive', 'disabled']), budget_tokens: z.number().optional() })
    .optional(),
});
type Body = z.infer<typeof Body>;
interface Message {
  readonly role: 'user' | 'assistant';
  readonly blocks: readonly Block[];
}

const refuse = (message: string): VendorFault => new VendorFault('invalid-request', message);

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

function checkThinking(body: Body): void {
  if (body.thinking?.type !== 'enabled') return;
  const budget = body.thinking.budget_tokens;
  if (budget === undefined) throw refuse('thinking.enabled.budget_tokens: Field required');
  if (budget < 1_024) throw refuse('thinking.enabled.budget_tokens: Input should be greater than or equal to 1024');
  if (budget >= body.max_tokens)
    throw refuse(
      '`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size',
    );
}

function checkTools(body: Body): void {
  const names = (body.tools ?? []).map((tool) => tool.name);
  if (firstDuplicate(names) !== undefined) throw refuse('tools: Tool names must be unique.');
  names.forEach((name, index) => {
    if (!/^[a-zA-Z0-9_-]{1,128}$/.test(name))
      throw refuse(`tools.${index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`);
  });
}

function checkMessages(messages: readonly Message[]): void {
  if (messages.length === 0) throw refuse('messages: at least one message is required');
  if (messages[0]?.role !== 'user') throw refuse('messages: first message must use the "user" role');
  for (const block of messages.flatMap((message) => message.blocks)) {
    if (block.type !== 'text') continue;
    if (block.text === '') throw refuse('messages: text content blocks must be non-empty');
    if (block.text.trim() === '') throw refuse('messages: text content blocks must contain non-whitespace text');
  }
  const last = messages.at(-1);
  const final = last?.role === 'assistant' ? last.blocks.at(-1) : undefined;
  if (final?.type === 'text' && /\s$/.test(final.text))
    throw refuse('messages: final assistant content cannot end with trailing whitespace');
}

const usesOf = (message: Message | undefined): string[] =>
  (message?.blocks ?? []).flatMap((block) => (block.type === 'tool_use' ? [block.id] : []));
const resultsOf = (message: Message | undefined): string[] =>
  (message?.blocks ?? []).flatMap((block) => (block.type === 'tool_result' ? [block.tool_use_id] : []));

function checkPairs(messages: readonly Message[]): void {
  if (firstDuplicate(messages.flatMap(usesOf)) !== undefined) {
    const index = messages.findIndex(
      (_message, end) => firstDuplicate(messages.slice(0, end + 1).flatMap(usesOf)) !== undefined,
    );
    throw refuse(`messages.${index}: \`tool_use\` ids must be unique`);
  }
  messages.forEach((message, index) => {
    const results = resultsOf(message);
    const uses = usesOf(messages[index - 1]);
    results.forEach((id, position) => {
      if (message.role !== 'user' || !uses.includes(id))
        throw refuse(
          `messages.${index}.content.${position}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
        );
    });
    const twice = firstDuplicate(results);
    if (twice !== undefined)
      throw refuse(
        `messages.${index}.content: each tool_use must have a single result. Found multiple \`tool_result\` blocks with id: ${twice}`,
      );
    const missing = uses.filter((id) => !results.includes(id));
    if (missing.length > 0) throw unanswered(index - 1, missing);
  });
  const dangling = usesOf(messages.at(-1));
  if (dangling.length > 0) throw unanswered(messages.length - 1, dangling);
}

function unanswered(index: number, ids: readonly string[]): VendorFault {
  return refuse(
    `messages.${index}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${ids.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
  );
}

/** While thinking is on, the assistant turn of an unfinished tool loop keeps its thinking, signed and unchanged. */
function checkThinkingBlocks(messages: readonly Message[]): void {
  messages.forEach((message, index) => {
    message.blocks.forEach((block, position) => {
      if (block.type === 'thinking' && !isSignatureOf(block.signature, block.thinking))
        throw refuse(`messages.${index}.content.${position}: Invalid \`signature\` in \`thinking\` block`);
    });
  });
  const index = messages.findLastIndex((message) => message.role === 'assistant');
  const message = messages[index];
  const first = message?.blocks[0]?.type;
  const inLoop = usesOf(message).length > 0 && index === messages.length - 2;
  if (inLoop && first !== 'thinking' && first !== 'redacted_thinking')
    throw refuse(
      `messages.${index}.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`${first}\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block (preceeding the lastmost set of \`tool_use\` and \`tool_result\` blocks). We recommend you include thinking blocks from previous turns. To avoid this requirement, disable \`thinking\`.`,
    );
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
