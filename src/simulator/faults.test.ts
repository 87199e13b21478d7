import { afterEach, describe, expect, it } from 'vitest';
import { rawPost } from '../testing/raw-http.ts';
import type { ScenarioInput } from './scenario.ts';
import { createSimulator, type Simulator } from './simulator.ts';

let simulator: Simulator | undefined;
async function stop(): Promise<void> {
  await simulator?.[Symbol.asyncDispose]();
  simulator = undefined;
}
afterEach(stop);
const outcome = (): string | undefined => simulator?.requests[0]?.outcome;

type Answer = ScenarioInput['rules'][number]['answer'];

const CALLS = {
  'openai-chat': { path: '/v1/chat/completions', body: { messages: [{ role: 'user', content: 'hi' }] } },
  'openai-responses': { path: '/v1/responses', body: { input: 'hi' } },
  'anthropic-messages': {
    path: '/v1/messages',
    body: { max_tokens: 1_000, messages: [{ role: 'user', content: 'hi' }] },
  },
  'google-generate': { path: '/v1beta/models/m', body: { contents: [{ role: 'user', parts: [{ text: 'hi' }] }] } },
} as const;
type WireName = keyof typeof CALLS;
const WIRES = Object.keys(CALLS).filter((name): name is WireName => name in CALLS);

/** One call on one wire, answered by one rule. */
async function call(
  wire: WireName,
  answer: Answer,
  more: { stream?: boolean; body?: object; leaveAfterBytes?: number } = {},
) {
  simulator ??= await createSimulator({ scenarios: [{ name: 's', rules: [{ answer }] }] });
  const { path, body } = CALLS[wire];
  const stream = more.stream ?? true;
  const google = wire === 'google-generate';
  const suffix = google ? (stream ? ':streamGenerateContent?alt=sse' : ':generateContent') : '';
  return await rawPost({
    url: `${simulator.url}${path}${suffix}`,
    body: { ...(google ? {} : { model: 'm', stream }), ...body, ...more.body },
    headers: { 'anthropic-version': '2023-06-01' },
    ...(more.leaveAfterBytes === undefined ? {} : { leaveAfterBytes: more.leaveAfterBytes }),
  });
}

const events = (body: Buffer): Record<string, unknown>[] =>
  body
    .toString()
    .split('\n')
    .flatMap((line) => (line.startsWith('data: {') ? [JSON.parse(line.slice(6))] : []));
const LONG = 'word '.repeat(400);

describe.each(WIRES)('faults over %s', (wire) => {
  it('HTTP status, vendor body and retry-after', async () => {
    const answer = await call(wire, {
      fault: { type: 'http', status: 429, message: 'Slow down', retryAfterSeconds: 7 },
    });
    expect(answer.status).toBe(429);
    expect(answer.headers['retry-after']).toBe('7');
    expect(JSON.parse(answer.body.toString()).error.message).toBe('Slow down');
  });

  it('a body of its own, as it stands', async () => {
    const answer = await call(wire, {
      fault: { type: 'http', status: 502, body: '<html>Bad gateway', headers: { 'content-type': 'text/html' } },
    });
    expect([answer.status, answer.headers['content-type'], answer.body.toString()]).toEqual([
      502,
      'text/html',
      '<html>Bad gateway',
    ]);
  });

  it('reset before the first byte and after a number of bytes', async () => {
    const early = await call(wire, { text: LONG, fault: { type: 'reset' } });
    expect([early.status, early.ended]).toEqual([0, 'error']);
    await stop();
    const late = await call(wire, { text: LONG, fault: { type: 'reset', afterBytes: 700 } });
    expect(late.ended).not.toBe('end');
    expect(late.body.length).toBeLessThanOrEqual(700);
    expect(outcome()).toBe('broken');
  });

  it('truncation looks like a whole body and is exact', async () => {
    const answer = await call(wire, { text: LONG, fault: { type: 'truncate', afterBytes: 900 } });
    expect([answer.ended, answer.body.length]).toEqual(['end', 900]);
  });

  it('garbage in the middle, and the stream goes on', async () => {
    const fault = { type: 'garbage', afterBytes: 500, base64: Buffer.from('GARBAGE').toString('base64') } as const;
    const answer = await call(wire, { text: LONG, fault });
    expect(answer.body.subarray(500, 507).toString()).toBe('GARBAGE');
    expect(answer.body.length).toBeGreaterThan(2_000);
  });

  it('a stall lasts until the client leaves', async () => {
    const answer = await call(
      wire,
      { text: LONG, fault: { type: 'stall', afterBytes: 600 } },
      { leaveAfterBytes: 600 },
    );
    expect([answer.ended, answer.body.length]).toEqual(['left', 600]);
    await expect.poll(outcome).toBe('left');
  });

  it('an error event in the middle of the stream', async () => {
    const fault = { type: 'error-event', afterBytes: 0, status: 529, message: 'Overloaded' } as const;
    const answer = await call(wire, { text: LONG, fault });
    expect(answer.status).toBe(200);
    expect(JSON.stringify(events(answer.body).at(-1))).toContain('Overloaded');
  });

  it('usage can be missing or absurd', async () => {
    const usage = /usage|Usage/;
    const body = wire === 'openai-chat' ? { stream_options: { include_usage: true } } : {};
    const absurd = await call(wire, { text: 'x', usage: { output: 123_456_789_012 } }, { body });
    expect(absurd.body.toString()).toContain('123456789012');
    await stop();
    const missing = await call(wire, { text: 'x', usage: 'missing' }, { stream: false });
    const parsed = JSON.parse(missing.body.toString());
    expect(Object.keys(parsed).filter((key) => usage.test(key) && parsed[key] !== null)).toEqual([]);
  });

  it('an empty answer has no content and still ends well', async () => {
    const answer = await call(wire, { empty: true });
    expect([answer.status, answer.ended]).toEqual([200, 'end']);
    expect(answer.body.toString()).not.toMatch(/"(delta|text|content)":"\w/);
  });

  it('a huge answer comes whole, whatever the client asked for', async () => {
    const answer = await call(wire, { hugeBytes: 3_000_000 });
    const text = events(answer.body)
      .map((event) => textOfEvent(event))
      .join('');
    expect(text.length).toBe(3_000_000);
  });

  it('stops at the client’s limit in the words of the vendor', async () => {
    const limit = { max_tokens: 16, max_output_tokens: 16, generationConfig: { maxOutputTokens: 16 } };
    const answer = await call(wire, { text: LONG }, { stream: false, body: limit });
    const text = answer.body.toString();
    expect(text).toMatch(/"length"|"max_output_tokens"|"max_tokens"|"MAX_TOKENS"/);
    expect(text.match(/word/g)?.length).toBeLessThan(20);
  });

  it('a content filter stops in the words of the vendor', async () => {
    const answer = await call(wire, { text: 'I', stop: 'content-filter' });
    expect(answer.body.toString()).toMatch(/"content_filter"|"refusal"|"SAFETY"/);
  });
});

function textOfEvent(event: Record<string, unknown>): string {
  if (event.type === 'response.output_text.delta') return String(event.delta);
  if (event.type !== undefined && event.type !== 'content_block_delta') return '';
  return [...JSON.stringify(event).matchAll(/"(?:content|text)":"((?:[^"\\]|\\.)*)"/g)]
    .map((match) => match[1])
    .join('');
}

describe('tool calls without a sound body', () => {
  const broken: Answer = { toolCalls: [{ tool: 't', rawArguments: '{"a": ' }] };
  const none: Answer = { toolCalls: [{ tool: 't', noArguments: true }] };

  it('OpenAI formats carry the raw text', async () => {
    const chat = JSON.parse((await call('openai-chat', broken, { stream: false })).body.toString());
    expect(chat.choices[0].message.tool_calls[0].function.arguments).toBe('{"a": ');
    const responses = JSON.parse((await call('openai-responses', broken, { stream: false })).body.toString());
    expect(responses.output[0].arguments).toBe('{"a": ');
  });

  it('Anthropic streams the raw text, or no piece at all', async () => {
    const raw = events((await call('anthropic-messages', broken)).body);
    expect(raw.map((event) => JSON.stringify(event)).join('')).toContain('"partial_json":"{\\"a\\": "');
    await stop();
    const empty = (await call('anthropic-messages', none)).body.toString();
    expect([...empty.matchAll(/"partial_json":"([^"]*)"/g)].map((match) => match[1])).toEqual(['']);
  });

  it('Google reports a malformed call, and may leave the arguments out', async () => {
    expect((await call('google-generate', broken)).body.toString()).toContain('MALFORMED_FUNCTION_CALL');
    await stop();
    const answer = JSON.parse((await call('google-generate', none, { stream: false })).body.toString());
    expect(answer.candidates[0].content.parts[0].functionCall).toEqual({ id: expect.any(String), name: 't' });
  });
});

describe('timing and late usage', () => {
  it('paces pieces and delays usage with the clock it was given', async () => {
    const slept: number[] = [];
    const clock = { now: () => 0, sleep: async (ms: number) => void slept.push(ms) };
    const answer: Answer = { text: 'abcdef', chunkChars: 2, paceMs: 50, delayMs: 300, usage: { lateMs: 900 } };
    simulator = await createSimulator({ clock, scenarios: [{ name: 's', rules: [{ answer }] }] });
    await call('anthropic-messages', answer);
    expect(slept[0]).toBe(300);
    expect(slept).toContain(900);
    expect(slept.filter((ms) => ms === 50).length).toBeGreaterThanOrEqual(3);
  });
});
