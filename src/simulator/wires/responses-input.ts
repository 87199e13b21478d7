import { z } from 'zod';
import { invalidParameter } from './openai-fault.ts';
import { firstDuplicate } from './wire.ts';

const Content = z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]);
export const Item = z.union([
  z.looseObject({
    type: z.literal('function_call'),
    id: z.string().nullish(),
    call_id: z.string(),
    name: z.string(),
    arguments: z.string(),
  }),
  z.looseObject({ type: z.literal('function_call_output'), call_id: z.string(), output: Content }),
  z.looseObject({
    type: z.literal('reasoning'),
    id: z.string().nullish(),
    summary: z.array(z.looseObject({ text: z.string().optional() })),
    encrypted_content: z.string().nullish(),
  }),
  z.looseObject({ type: z.literal('item_reference'), id: z.string() }),
  z.looseObject({
    type: z.literal('message').optional(),
    id: z.string().nullish(),
    role: z.enum(['user', 'assistant', 'system', 'developer']),
    content: Content,
  }),
]);
export type ResponseItem = z.infer<typeof Item>;

/** Every call has its output, every output its call, and no id comes twice. */
export function checkItems(items: readonly ResponseItem[]): void {
  const twice = firstDuplicate(items.flatMap((item) => ('id' in item && typeof item.id === 'string' ? [item.id] : [])));
  if (twice !== undefined)
    throw invalidParameter(
      `Duplicate item found with id ${twice}. Remove duplicate items from your input and try again.`,
      'input',
    );
  const calls = items.flatMap((item) => (item.type === 'function_call' ? [item.call_id] : []));
  const outputs = items.flatMap((item) => (item.type === 'function_call_output' ? [item.call_id] : []));
  const repeated = firstDuplicate(calls) ?? firstDuplicate(outputs);
  if (repeated !== undefined) throw invalidParameter(`Duplicate call_id found in input: ${repeated}.`, 'input');
  const unasked = outputs.find((id) => !calls.includes(id));
  if (unasked !== undefined)
    throw invalidParameter(`No tool call found for function call output with call_id ${unasked}.`, 'input');
  const unanswered = calls.find((id) => !outputs.includes(id));
  if (unanswered !== undefined)
    throw invalidParameter(`No tool output found for function call ${unanswered}.`, 'input');
  checkReasoning(items);
}

/** Reasoning belongs to the item after it; alone it is refused. */
function checkReasoning(items: readonly ResponseItem[]): void {
  items.forEach((item, index) => {
    if (item.type !== 'reasoning') return;
    const next = items[index + 1];
    const followed = next?.type === 'function_call' || next?.type === 'reasoning' || isAssistant(next);
    if (!followed)
      throw invalidParameter(
        `Item '${item.id ?? ''}' of type 'reasoning' was provided without its required following item.`,
        'input',
      );
  });
}

function isAssistant(item: ResponseItem | undefined): boolean {
  return item !== undefined && 'role' in item && item.role === 'assistant';
}
