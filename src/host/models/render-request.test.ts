import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TEXT_WIRE_FORMATS, type TextWireFormat } from '../../protocol/provider.ts';
import type { AssistantPart, TranscriptMessage } from '../../protocol/transcript.ts';
import { openLanguageModel } from './language-model.ts';
import { pairTurns } from './pair-turns.ts';
import { renderPrompt, renderTools } from './render-prompt.ts';

// biome-ignore lint/suspicious/noExplicitAny: the request bodies of four wire formats
type Body = any;

const OPAQUE = fc.constantFrom(
  undefined,
  { anthropic: { signature: 'SIG' } },
  { anthropic: { redactedData: 'RED' } },
  { openai: { itemId: 'rs_1', reasoningEncryptedContent: 'ENC' } },
  { google: { thoughtSignature: 'TS' } },
  { holdfast: { textField: 'reasoning_content' } },
  { holdfast: { details: [{ type: 'reasoning.text', text: 't', signature: 's' }] } },
  'not an object',
  { anthropic: 7 },
);
const TEXT = fc.constantFrom('', ' ', '\n\t', 'hello', 'two words', '<x>', 'ü€');
const CALL_ID = fc.constantFrom('a', 'b', 'call_1', 'toolu_01', '', 'with space', '日本');
const opaque = (part: object, value: unknown): AssistantPart =>
  ({ ...part, ...(value === undefined ? {} : { opaque: value }) }) as AssistantPart;

const PART: fc.Arbitrary<AssistantPart> = fc.oneof(
  fc.tuple(TEXT, OPAQUE).map(([text, value]) => opaque({ type: 'text', text }, value)),
  fc.tuple(TEXT, OPAQUE).map(([text, value]) => opaque({ type: 'reasoning', text }, value)),
  fc
    .tuple(CALL_ID, fc.constantFrom('run', 'bad name!', '', 'x'.repeat(99)), fc.jsonValue(), OPAQUE)
    .map(([callId, tool, input, value]) => opaque({ type: 'tool-call', callId, tool, input }, value)),
);
const MESSAGE: fc.Arbitrary<TranscriptMessage> = fc.oneof(
  TEXT.map((text): TranscriptMessage => ({ role: 'user', text })),
  fc.record({
    role: fc.constant('assistant' as const),
    model: fc.constantFrom('test/m', 'other/m'),
    wire: fc.constantFrom(...TEXT_WIRE_FORMATS),
    parts: fc.array(PART, { maxLength: 4 }),
  }),
  fc.record({
    role: fc.constant('tool' as const),
    callId: CALL_ID,
    tool: fc.constant('run'),
    text: TEXT,
    isError: fc.boolean(),
  }),
);
const TRANSCRIPT = fc.array(MESSAGE, { maxLength: 12 });

async function bodyOf(wire: TextWireFormat, transcript: readonly TranscriptMessage[]): Promise<Body> {
  let body: Body;
  const capture: typeof fetch = async (_input, init) => {
    body = JSON.parse(String(init?.body));
    return new Response('', { headers: { 'content-type': 'text/event-stream' } });
  };
  const model = await openLanguageModel({ wire, provider: 'test', model: 'm', upstream: 'http://x', fetch: capture });
  const { stream } = await model.doStream({
    prompt: renderPrompt({ system: 'S', transcript, provider: 'test', wire }),
    tools: renderTools([{ name: 'run', description: 'd', inputSchema: { type: 'object', properties: {} } }]),
    ...(wire === 'openai-responses' ? { providerOptions: { openai: { store: false } } } : {}),
  });
  await stream.cancel();
  return body;
}

/** What is said in a request, provider by provider, in one shape. */
interface Said {
  readonly role: string;
  readonly texts: readonly string[];
  readonly calls: readonly { id: string; name: string; input: unknown }[];
  readonly results: readonly { id: string; text: unknown }[];
}

const READ: Record<TextWireFormat, (body: Body) => Said[]> = {
  'openai-chat': ({ messages }) =>
    messages.slice(1).map((message: Body) => ({
      role: message.role,
      texts: message.role !== 'tool' && message.content !== null ? [message.content] : [],
      calls: (message.tool_calls ?? []).map((call: Body) => ({
        id: call.id,
        name: call.function.name,
        input: JSON.parse(call.function.arguments),
      })),
      results: message.role === 'tool' ? [{ id: message.tool_call_id, text: message.content }] : [],
    })),
  'openai-responses': ({ input }) =>
    input.slice(1).map((item: Body) => ({
      role: item.role ?? (item.type === 'function_call_output' ? 'tool' : 'assistant'),
      texts: typeof item.content === 'string' ? [item.content] : (item.content?.map((part: Body) => part.text) ?? []),
      calls:
        item.type === 'function_call' ? [{ id: item.call_id, name: item.name, input: JSON.parse(item.arguments) }] : [],
      results: item.type === 'function_call_output' ? [{ id: item.call_id, text: item.output }] : [],
    })),
  'anthropic-messages': ({ messages }) =>
    messages.map(({ role, content }: Body) => ({
      role,
      texts: content.filter((part: Body) => part.type === 'text').map((part: Body) => part.text),
      calls: content.filter((part: Body) => part.type === 'tool_use'),
      results: content
        .filter((part: Body) => part.type === 'tool_result')
        .map((part: Body) => ({ id: part.tool_use_id, text: part.content })),
    })),
  'google-generate': ({ contents }) =>
    contents.map(({ role, parts }: Body) => ({
      role: role === 'model' ? 'assistant' : role,
      texts: parts.filter((part: Body) => 'text' in part && !part.thoughtSignature).map((part: Body) => part.text),
      calls: parts
        .filter((part: Body) => part.functionCall)
        .map(({ functionCall }: Body) => ({ ...functionCall, input: functionCall.args })),
      results: parts
        .filter((part: Body) => part.functionResponse)
        .map(({ functionResponse }: Body) => ({
          id: functionResponse.id,
          text: JSON.stringify(functionResponse.response),
        })),
    })),
};

describe.each(TEXT_WIRE_FORMATS)('any transcript rendered for %s', (wire) => {
  it('pairs calls and results, alternates, and says nothing empty', async () => {
    await fc.assert(
      fc.asyncProperty(TRANSCRIPT, async (transcript) => {
        const said = READ[wire](await bodyOf(wire, transcript));
        expect(said.length).toBeGreaterThan(0);
        for (const { texts, results, calls } of said) {
          for (const text of texts) expect(text.trim()).not.toBe('');
          for (const { text } of results) expect(String(text).trim()).not.toBe('');
          for (const call of calls) {
            expect(call.name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
            expect(typeof call.input === 'object' && call.input !== null && !Array.isArray(call.input)).toBe(true);
          }
        }
        const calls = said.flatMap((message) => message.calls.map(({ id }) => id));
        const results = said.flatMap((message) => message.results.map(({ id }) => id));
        expect(new Set(calls).size).toBe(calls.length);
        expect([...results].sort()).toEqual([...calls].sort());
        expect(said[0]?.role).toBe('user');
        expect(['user', 'tool']).toContain(said.at(-1)?.role);
        expectResultsRightAfterCalls(said);
        if (wire === 'anthropic-messages') expectStrictAlternation(said);
      }),
      { numRuns: 250 },
    );
  });

  it('is the same bytes for the same transcript', async () => {
    await fc.assert(
      fc.asyncProperty(TRANSCRIPT, async (transcript) => {
        expect(await bodyOf(wire, transcript)).toEqual(await bodyOf(wire, structuredClone(transcript)));
      }),
      { numRuns: 30 },
    );
  });
});

/** Nothing that the user says stands between a call and its result: every vendor refuses that. */
function expectResultsRightAfterCalls(said: readonly Said[]): void {
  const open = new Set<string>();
  for (const { calls, results, role } of said) {
    for (const { id } of results) expect(open.delete(id)).toBe(true);
    if (role === 'user' && results.length === 0) expect([...open]).toEqual([]);
    for (const { id } of calls) open.add(id);
  }
  expect([...open]).toEqual([]);
}

function expectStrictAlternation(said: readonly Said[]): void {
  said.forEach(({ role }, index) => {
    expect(role).toBe(index % 2 === 0 ? 'user' : 'assistant');
  });
}

describe('pairTurns', () => {
  const call = (callId: string) => ({ type: 'tool-call', callId, tool: 't', input: {} }) as const;
  const assistant = (...parts: AssistantPart[]): TranscriptMessage => ({
    role: 'assistant',
    model: 'test/m',
    wire: 'openai-chat',
    parts,
  });

  it('gives an interrupted call an outcome that is said to be unknown', () => {
    const turns = pairTurns([{ role: 'user', text: 'q' }, assistant(call('a'))], {
      provider: 'test',
      wire: 'openai-chat',
    });
    expect(turns[1]).toMatchObject({
      parts: [{ result: { isError: true, text: expect.stringContaining('unknown') } }],
    });
  });

  it('finds a result that came after the user spoke in between', () => {
    const turns = pairTurns(
      [
        { role: 'user', text: 'q' },
        assistant(call('a')),
        { role: 'user', text: 'stop!' },
        { role: 'tool', callId: 'a', tool: 't', text: 'done', isError: false },
      ],
      { provider: 'test', wire: 'openai-chat' },
    );
    expect(turns).toMatchObject([
      { text: 'q' },
      { parts: [{ callId: 'a', result: { text: 'done', isError: false } }] },
      { role: 'user', text: 'stop!' },
    ]);
  });

  it('a result belongs to the nearest call before it when ids repeat', () => {
    const result = (text: string): TranscriptMessage => ({
      role: 'tool',
      callId: 'a',
      tool: 't',
      text,
      isError: false,
    });
    const turns = pairTurns(
      [{ role: 'user', text: 'q' }, assistant(call('a')), result('one'), assistant(call('a')), result('two')],
      { provider: 'test', wire: 'openai-chat' },
    );
    const calls = turns.flatMap((turn) => (turn.role === 'assistant' ? turn.parts : []));
    expect(calls).toMatchObject([{ callId: 'a', result: { text: 'one' } }, { result: { text: 'two' } }]);
    expect(calls[1]).not.toMatchObject({ callId: 'a' });
  });
});

describe('renderPrompt', () => {
  const transcript: TranscriptMessage[] = [
    { role: 'user', text: 'q' },
    {
      role: 'assistant',
      model: 'test/m',
      wire: 'openai-chat',
      parts: [{ type: 'tool-call', callId: 'a', tool: 't', input: {} }],
    },
    { role: 'tool', callId: 'a', tool: 't', text: 'done', isError: false },
    { role: 'user', text: 'and now?' },
  ];

  it('lets Anthropic cache up to the system prompt and up to the end', async () => {
    const body = await bodyOf('anthropic-messages', transcript);
    expect(body.system).toEqual([{ type: 'text', text: 'S', cache_control: { type: 'ephemeral' } }]);
    const marked = body.messages.flatMap(({ content }: Body) => content.map((part: Body) => part.cache_control));
    expect(marked).toEqual([undefined, undefined, undefined, { type: 'ephemeral' }]);
  });

  it('puts a word between a tool result and the user for Mistral, and for nobody else', () => {
    const roles = (bridgeToolToUser: boolean) =>
      renderPrompt({ system: '', transcript, provider: 'test', wire: 'openai-chat', bridgeToolToUser }).map(
        ({ role }) => role,
      );
    expect(roles(false)).toEqual(['user', 'assistant', 'tool', 'user']);
    expect(roles(true)).toEqual(['user', 'assistant', 'tool', 'assistant', 'user']);
  });

  it('sorts the tools by name', () => {
    const tools = ['b', 'a', 'C'].map((name) => ({ name, description: '', inputSchema: {} }));
    expect(renderTools(tools).map(({ name }) => name)).toEqual(['C', 'a', 'b']);
  });
});
