import { isSignatureOf } from '../signature.ts';
import { VendorFault } from '../vendor-fault.ts';
import type { Body, Message } from './anthropic-body.ts';
import { firstDuplicate } from './wire.ts';

export const refuse = (message: string): VendorFault => new VendorFault('invalid-request', message);

export function checkThinking(body: Body): void {
  if (body.thinking?.type !== 'enabled') return;
  const budget = body.thinking.budget_tokens;
  if (budget === undefined) throw refuse('thinking.enabled.budget_tokens: Field required');
  if (budget < 1_024) throw refuse('thinking.enabled.budget_tokens: Input should be greater than or equal to 1024');
  if (budget >= body.max_tokens)
    throw refuse(
      '`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size',
    );
}

export function checkTools(body: Body): void {
  const names = (body.tools ?? []).map((tool) => tool.name);
  if (firstDuplicate(names) !== undefined) throw refuse('tools: Tool names must be unique.');
  names.forEach((name, index) => {
    if (!/^[a-zA-Z0-9_-]{1,128}$/.test(name))
      throw refuse(`tools.${index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`);
  });
}

export function checkMessages(messages: readonly Message[]): void {
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

export function checkPairs(messages: readonly Message[]): void {
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
export function checkThinkingBlocks(messages: readonly Message[]): void {
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
