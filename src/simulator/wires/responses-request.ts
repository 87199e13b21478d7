import { z } from 'zod';
import type { Ask, Conversation, Turn } from '../conversation.ts';
import { isSealed } from '../signature.ts';
import { VendorFault } from '../vendor-fault.ts';
import { checkOpenaiTools, invalidParameter, missingParameter } from './openai-fault.ts';
import { checkItems, Item, type ResponseItem } from './responses-input.ts';
import { type ResponseStore, type StoredItem, toStored } from './responses-store.ts';
import { bracketPath, deepestProblem, textOf, type WireRequest } from './wire.ts';

const Body = z.looseObject({
  model: z.string(),
  input: z.union([z.string(), z.array(Item).min(1)]),
  instructions: z.string().nullish(),
  stream: z.boolean().nullish(),
  store: z.boolean().nullish(),
  previous_response_id: z.string().nullish(),
  include: z.array(z.string()).nullish(),
  max_output_tokens: z.number().int().nullish(),
  reasoning: z.looseObject({ effort: z.string().nullish(), summary: z.string().nullish() }).nullish(),
  tools: z.array(z.looseObject({ type: z.string(), name: z.string().optional() })).nullish(),
});

export function readResponses(
  { body: raw }: WireRequest,
  store: ResponseStore,
): Conversation & { items: StoredItem[] } {
  const body = parseBody(raw);
  const functions = (body.tools ?? []).flatMap((tool) =>
    tool.type === 'function' ? [{ ...tool, name: tool.name ?? '' }] : [],
  );
  checkOpenaiTools(functions, (index) => `tools[${index}]`);
  if (typeof body.max_output_tokens === 'number' && body.max_output_tokens < 16)
    throw invalidParameter(
      `Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got ${body.max_output_tokens} instead.`,
      'max_output_tokens',
      'integer_below_min_value',
    );
  const given: ResponseItem[] =
    typeof body.input === 'string'
      ? [{ role: 'user', content: body.input }]
      : body.input.map((item) => resolve(item, store));
  const items = [...before(body.previous_response_id, store), ...given];
  checkItems(items);
  const asks: Ask[] = ['usage'];
  if (body.include?.includes('reasoning.encrypted_content')) asks.push('encrypted-reasoning');
  if (body.store !== false) asks.push('store');
  return {
    wire: 'openai-responses',
    model: body.model,
    system: [body.instructions ?? '', ...items.flatMap(instruction)].filter((text) => text !== '').join('\n'),
    turns: turnsOf(items),
    tools: functions.map((tool) => tool.name),
    stream: body.stream ?? false,
    maxOutputTokens: body.max_output_tokens ?? undefined,
    reasoning: body.reasoning?.effort === 'none' ? 'off' : body.reasoning?.summary ? 'shown' : 'hidden',
    asks: new Set(asks),
    toolChars: JSON.stringify(functions).length,
    items: items.map(toStored),
  };
}

function parseBody(raw: unknown): z.infer<typeof Body> {
  if (typeof raw === 'object' && raw !== null)
    for (const name of ['model', 'input']) if (!(name in raw)) throw missingParameter(name);
  const parsed = Body.safeParse(raw);
  if (parsed.success) return parsed.data;
  const problem = deepestProblem(parsed.error);
  const path = bracketPath(problem.path);
  throw invalidParameter(`Invalid value for '${path}': ${problem.message}`, path, 'invalid_value');
}

function before(id: string | null | undefined, store: ResponseStore): ResponseItem[] {
  if (typeof id !== 'string') return [];
  const items = store.conversation(id);
  if (items === undefined)
    throw invalidParameter(
      `Previous response with id '${id}' not found.`,
      'previous_response_id',
      'previous_response_not_found',
    );
  return items.map((item) => Item.parse(item));
}

function resolve(item: ResponseItem, store: ResponseStore): ResponseItem {
  const lost = (id: string): VendorFault =>
    new VendorFault(
      'not-found',
      `Item with id '${id}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`,
      { param: 'input' },
    );
  if (item.type === 'item_reference') {
    const stored = store.item(item.id);
    if (stored === undefined) throw lost(item.id);
    return Item.parse(stored);
  }
  if (item.type !== 'reasoning') return item;
  if (typeof item.encrypted_content !== 'string') {
    if (typeof item.id === 'string' && store.item(item.id) === undefined) throw lost(item.id);
    return item;
  }
  if (!isSealed(item.encrypted_content))
    throw invalidParameter(
      `The encrypted content for item ${item.id ?? ''} could not be verified. Reason: Encrypted content could not be decrypted or parsed.`,
      'input',
      'invalid_encrypted_content',
    );
  return item;
}

function instruction(item: ResponseItem): string[] {
  return 'role' in item && (item.role === 'system' || item.role === 'developer') ? [textOf(item.content)] : [];
}

/** Items of one answer in a row become one assistant turn. */
function turnsOf(items: readonly ResponseItem[]): Turn[] {
  const names = new Map(items.flatMap((item) => (item.type === 'function_call' ? [[item.call_id, item.name]] : [])));
  const turns: Turn[] = [];
  for (const item of items) {
    const turn = turnOf(item, names);
    const last = turns.at(-1);
    if (turn?.role === 'assistant' && last?.role === 'assistant')
      turns[turns.length - 1] = {
        role: 'assistant',
        text: last.text + turn.text,
        calls: [...last.calls, ...turn.calls],
      };
    else if (turn !== undefined) turns.push(turn);
  }
  return turns;
}

function turnOf(item: ResponseItem, names: ReadonlyMap<string, string>): Turn | undefined {
  if (item.type === 'function_call')
    return { role: 'assistant', text: '', calls: [{ callId: item.call_id, tool: item.name }] };
  if (item.type === 'function_call_output')
    return { role: 'tool', callId: item.call_id, tool: names.get(item.call_id) ?? '', text: textOf(item.output) };
  if (!('role' in item)) return undefined;
  const text = textOf(item.content);
  if (item.role === 'assistant') return { role: 'assistant', text, calls: [] };
  return item.role === 'user' ? { role: 'user', text } : undefined;
}
