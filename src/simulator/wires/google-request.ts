import { z } from 'zod';
import type { Conversation, Turn } from '../conversation.ts';
import { isOurSignature } from '../signature.ts';
import { VendorFault } from '../vendor-fault.ts';
import { bracketPath, deepestProblem, textOf, type WireRequest } from './wire.ts';

const Part = z.looseObject({
  text: z.string().optional(),
  thought: z.boolean().optional(),
  thoughtSignature: z.string().optional(),
  functionCall: z
    .looseObject({ id: z.string().optional(), name: z.string(), args: z.record(z.string(), z.unknown()).nullish() })
    .optional(),
  functionResponse: z
    .looseObject({ id: z.string().optional(), name: z.string(), response: z.record(z.string(), z.unknown()) })
    .optional(),
});
type Part = z.infer<typeof Part>;
const Content = z.looseObject({ role: z.string().optional(), parts: z.array(Part).optional() });
type Content = z.infer<typeof Content>;
const Body = z.looseObject({
  contents: z.array(Content),
  systemInstruction: Content.optional(),
  system_instruction: Content.optional(),
  generationConfig: z
    .looseObject({
      maxOutputTokens: z.number().int().optional(),
      thinkingConfig: z
        .looseObject({ includeThoughts: z.boolean().optional(), thinkingBudget: z.number().optional() })
        .optional(),
    })
    .optional(),
  tools: z
    .array(z.looseObject({ functionDeclarations: z.array(z.looseObject({ name: z.string() })).optional() }))
    .optional(),
});
type Body = z.infer<typeof Body>;

const refuse = (message: string): VendorFault => new VendorFault('invalid-request', message);
/** Where the vendor found what it refuses, in its own notation. */
const field = (path: string, problem: string): VendorFault => refuse(`* GenerateContentRequest.${path}: ${problem}\n`);

function modelOf(url: URL): string {
  return decodeURIComponent(/\/models\/([^/]+):\w+$/.exec(url.pathname)?.[1] ?? '');
}

export function readGoogle({ url, body: raw }: WireRequest): Conversation {
  const body = parseBody(raw);
  const model = modelOf(url);
  checkContents(body.contents, model);
  const thinking = body.generationConfig?.thinkingConfig;
  const streams = url.pathname.endsWith(':streamGenerateContent');
  const events = url.searchParams.get('alt') === 'sse';
  const tools = (body.tools ?? []).flatMap((tool) => tool.functionDeclarations ?? []);
  return {
    wire: 'google-generate',
    model,
    system: textOf((body.systemInstruction ?? body.system_instruction)?.parts),
    turns: body.contents.flatMap(turnsOf),
    tools: tools.map((tool) => tool.name),
    stream: streams && events,
    maxOutputTokens: body.generationConfig?.maxOutputTokens,
    reasoning: thinking?.thinkingBudget === 0 ? 'off' : thinking?.includeThoughts ? 'shown' : 'hidden',
    // Without alt=sse the vendor sends its chunks as one JSON array.
    asks: new Set(streams && !events ? ['array'] : []),
    toolChars: JSON.stringify(tools).length,
  };
}

function parseBody(raw: unknown): Body {
  if (typeof raw === 'object' && raw !== null && !('contents' in raw))
    throw field('contents', 'contents is not specified');
  const parsed = Body.safeParse(raw);
  if (parsed.success) return parsed.data;
  const problem = deepestProblem(parsed.error);
  throw refuse(`Invalid value at '${bracketPath(problem.path)}': ${problem.message}`);
}

const callsOf = (content: Content | undefined): Part[] => (content?.parts ?? []).filter((part) => part.functionCall);
const responsesOf = (content: Content | undefined): Part[] =>
  (content?.parts ?? []).filter((part) => part.functionResponse);

function checkContents(contents: readonly Content[], model: string): void {
  if (contents.length === 0) throw field('contents', 'contents is not specified');
  contents.forEach((content, index) => {
    checkParts(content, index, model);
    checkOrder(content, contents[index - 1], contents[index + 1]);
  });
}

function checkParts(content: Content, index: number, model: string): void {
  if (content.role !== undefined && !['user', 'model', 'function'].includes(content.role))
    throw refuse('Please use a valid role: user, model.');
  if ((content.parts ?? []).length === 0) throw field(`contents[${index}].parts`, 'contents.parts must not be empty.');
  content.parts?.forEach((part, position) => {
    const data = [part.text, part.functionCall, part.functionResponse, part.inlineData, part.fileData];
    if (data.every((value) => value === undefined))
      throw field(
        `contents[${index}].parts[${position}].data`,
        "required oneof field 'data' must have one initialized field",
      );
    if (part.thoughtSignature !== undefined && !isOurSignature(part.thoughtSignature))
      throw refuse('Thought signature is not valid.');
  });
  const first = callsOf(content)[0];
  if (model.startsWith('gemini-3') && first !== undefined && first.thoughtSignature === undefined)
    throw refuse(
      `Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call \`default_api:${first.functionCall?.name}\`, position ${index + 1}. Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details.`,
    );
}

function checkOrder(content: Content, before: Content | undefined, after: Content | undefined): void {
  const calls = callsOf(content);
  const responses = responsesOf(content);
  if (responses.length > 0) {
    const asked = callsOf(before);
    if (asked.length === 0)
      throw refuse('Please ensure that function response turn comes immediately after a function call turn.');
    if (asked.length !== responses.length || !sameNames(asked, responses))
      throw refuse(
        'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.',
      );
  }
  if (calls.length === 0) return;
  if (before === undefined || before.role === 'model')
    throw refuse(
      'Please ensure that function call turn comes immediately after a user turn or after a function response turn.',
    );
  if (responsesOf(after).length === 0)
    throw refuse(
      'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.',
    );
}

function sameNames(calls: readonly Part[], responses: readonly Part[]): boolean {
  const named = calls.map((part) => part.functionCall?.name).sort();
  return responses
    .map((part) => part.functionResponse?.name)
    .sort()
    .every((name, index) => name === named[index]);
}

function turnsOf(content: Content): Turn[] {
  const parts = content.parts ?? [];
  const text = textOf(parts.filter((part) => part.thought !== true));
  if (content.role === 'model') {
    const calls = parts.flatMap(({ functionCall: call }) =>
      call ? [{ callId: call.id ?? call.name, tool: call.name }] : [],
    );
    return [{ role: 'assistant', text, calls }];
  }
  const results = parts.flatMap(({ functionResponse: result }): Turn[] =>
    result
      ? [{ role: 'tool', callId: result.id ?? result.name, tool: result.name, text: resultText(result.response) }]
      : [],
  );
  return text === '' && results.length > 0 ? results : [...results, { role: 'user', text }];
}

/** Clients wrap a textual result as `{output}`, `{result}` or `{content}`; anything else is kept as JSON. */
function resultText(response: Record<string, unknown>): string {
  for (const name of ['output', 'result', 'content', 'error']) {
    const value = response[name];
    if (typeof value === 'string') return value;
  }
  return JSON.stringify(response);
}
