import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TranscriptMessage } from '../../protocol/transcript.ts';
import { toolCalls } from '../../protocol/transcript.ts';
import { estimateTokens, estimateTranscript } from './estimate.ts';
import { fitTranscript } from './fit-transcript.ts';

const user = (text: string): TranscriptMessage => ({ role: 'user', text });
const say = (text: string): TranscriptMessage => ({
  role: 'assistant',
  model: 'p/m',
  wire: 'openai-chat',
  parts: [{ type: 'text', text }],
});
const call = (...ids: string[]): TranscriptMessage => ({
  role: 'assistant',
  model: 'p/m',
  wire: 'openai-chat',
  parts: ids.map((callId) => ({ type: 'tool-call', callId, tool: 't', input: {} })),
});
const result = (callId: string, text: string): TranscriptMessage => ({
  role: 'tool',
  callId,
  tool: 't',
  text,
  isError: false,
});

describe('fitTranscript', () => {
  it('leaves alone what fits', () => {
    const transcript = [user('a'), say('b')];
    expect(fitTranscript(transcript, 1_000)).toEqual({ transcript, omitted: 0, shortened: 0 });
  });

  it('keeps the first and the last question and the newest groups, and says what it left out', () => {
    const transcript = [
      user('first'),
      call('1'),
      result('1', 'x'.repeat(2_000)),
      say('answer'),
      user('last'),
      call('2'),
      result('2', 'y'.repeat(2_000)),
      call('3'),
      result('3', 'z'.repeat(400)),
    ];
    const fitted = fitTranscript(transcript, 300);
    expect(fitted.omitted).toBe(5);
    expect(
      fitted.transcript.map((message) => (message.role === 'assistant' ? 'call' : message.text.slice(0, 40))),
    ).toEqual(['first', '(5 earlier messages were left out here: ', 'last', 'call', 'z'.repeat(40)]);
  });

  it('shortens results only when nothing else is left to cut', () => {
    const fitted = fitTranscript([user('q'), call('1'), result('1', `${'a'.repeat(50_000)}END`)], 500);
    expect(fitted.shortened).toBe(1);
    expect(estimateTranscript(fitted.transcript)).toBeLessThanOrEqual(500);
    const last = fitted.transcript.at(-1);
    expect(last?.role === 'tool' && last.text.endsWith('END')).toBe(true);
  });

  it('never splits a call from its result, keeps order, and fits whenever the minimum does', () => {
    fc.assert(
      fc.property(transcripts, fc.integer({ min: 0, max: 3_000 }), (transcript, budget) => {
        const fitted = fitTranscript(transcript, budget);
        const ids = new Set(
          fitted.transcript.flatMap((m) => (m.role === 'assistant' ? toolCalls(m).map((c) => c.callId) : [])),
        );
        const results = new Set(fitted.transcript.flatMap((m) => (m.role === 'tool' ? [m.callId] : [])));
        const had = new Set(transcript.flatMap((m) => (m.role === 'tool' ? [m.callId] : [])));
        for (const id of ids) expect(results.has(id)).toBe(had.has(id));
        for (const id of results) expect(ids.has(id)).toBe(true);

        const firstUser = transcript.find((m) => m.role === 'user');
        const lastUser = transcript.findLast((m) => m.role === 'user');
        for (const kept of [firstUser, lastUser]) if (kept) expect(fitted.transcript).toContainEqual(kept);
        const notes = fitted.transcript.length - (transcript.length - fitted.omitted);
        expect(notes).toBe(fitted.omitted > 0 ? 1 : 0);

        const positions = fitted.transcript
          .filter((m) => m.role !== 'tool')
          .map((m) => transcript.indexOf(m))
          .filter((i) => i >= 0);
        expect(positions).toEqual([...positions].sort((a, b) => a - b));
        // Fitting again changes nothing more.
        if (estimateTranscript(fitted.transcript) <= budget) {
          expect(fitTranscript(fitted.transcript, budget).transcript).toEqual(fitted.transcript);
        }
      }),
      { numRuns: 300 },
    );
  });
});

it('estimateTokens is four characters each', () => {
  expect([estimateTokens(''), estimateTokens('abcd'), estimateTokens('abcde')]).toEqual([0, 1, 2]);
});

/** Rounds of questions and tool groups with unique ids; results may be missing or come after a message of the user. */
const transcripts = fc
  .array(
    fc.record({
      question: fc.option(fc.string({ maxLength: 200 })),
      calls: fc.array(fc.record({ text: fc.string({ maxLength: 3_000 }), missing: fc.boolean(), late: fc.boolean() }), {
        maxLength: 3,
      }),
      answer: fc.option(fc.string({ maxLength: 400 })),
    }),
    { maxLength: 12 },
  )
  .map((rounds) =>
    rounds.flatMap(({ question, calls, answer }, round): TranscriptMessage[] => {
      const results = calls.flatMap(({ text, missing }, n) => (missing ? [] : [result(`${round}-${n}`, text)]));
      const late = calls.some((c) => c.late) ? [user('steer')] : [];
      return [
        ...(question === null ? [] : [user(question)]),
        ...(calls.length === 0 ? [] : [call(...calls.map((_, n) => `${round}-${n}`)), ...late, ...results]),
        ...(answer === null ? [] : [say(answer)]),
      ];
    }),
  );
