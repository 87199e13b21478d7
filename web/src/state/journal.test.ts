import { describe, expect, it } from 'vitest';
import type { EventView } from '../../../src/protocol/api.ts';
import type { JournalEvent } from '../../../src/protocol/event.ts';
import { draftText } from './draft.ts';
import {
  applyAction,
  emptyJournal,
  type JournalAction,
  type JournalState,
  MAX_LIVE_OUTPUT_CHARS,
  outputKey,
} from './journal.ts';

const label = { integrity: 'owner', confidentiality: 'internal', origins: [] } as const;

function view(seq: number, event: JournalEvent, runId: string | null = 'run_a'): EventView {
  return { seq, runId, sessionId: 'ses_a', agentId: 'operator', at: 1_000 + seq, event };
}
const input = (seq: number, text = 'hello', runId?: string) =>
  view(seq, { type: 'input.received', source: 'user', text, label: { ...label, origins: [] } }, runId);
const continued = (seq: number) => view(seq, { type: 'run.continued', continues: seq });
const finishedModel = (seq: number, step: number) =>
  view(seq, {
    type: 'model.finished',
    step,
    attempt: 1,
    callId: `c${step}`,
    message: { role: 'assistant', model: 'm', wire: 'w', parts: [{ type: 'text', text: 'Hello.' }] },
    stop: 'end',
    usage: {},
    durationMs: 5,
  });

const apply = (actions: readonly JournalAction[], from: JournalState = emptyJournal(0)) =>
  actions.reduce(applyAction, from);
const stream = (event: EventView): JournalAction => ({ type: 'stream', event });
const draft = (text: string, offset: number, step = 1, attempt = 1): JournalAction => ({
  type: 'live',
  live: { type: 'draft.text', runId: 'run_a', step, attempt, text, offset },
});
const seqs = (state: JournalState, runId = 'run_a') => state.runs.get(runId)?.events.map((event) => event.seq);
const shown = (state: JournalState) => draftText(state.drafts.get('run_a')?.text ?? []);

describe('the journal as the page holds it', () => {
  it('gives the same state whatever the order and however often an event comes', () => {
    const events = [1, 2, 3, 4, 5].map(continued);
    const expected = [1, 2, 3, 4, 5];
    const shuffled = [3, 1, 5, 2, 4, 3, 1].map((seq) => stream(continued(seq)));
    expect(seqs(apply(shuffled))).toEqual(expected);
    expect(seqs(apply([...events, ...events].map(stream)))).toEqual(expected);
  });

  it('resumes after the newest streamed event, not after a fetched one', () => {
    const state = apply([
      stream(continued(4)),
      { type: 'loaded', runId: 'run_a', events: [continued(1), continued(9)] },
      stream(continued(6)),
    ]);
    expect(state.cursor).toBe(6);
    expect(seqs(state)).toEqual([1, 4, 6, 9]);
  });

  it('joins a fetched past with a streamed present without doubling', () => {
    const state = apply([
      stream(continued(3)),
      { type: 'loaded', runId: 'run_a', events: [continued(1), continued(2), continued(3)] },
      stream(continued(3)),
      stream(continued(4)),
    ]);
    expect(seqs(state)).toEqual([1, 2, 3, 4]);
    expect(state.runs.get('run_a')?.complete).toBe(true);
  });

  it('knows that a run first heard of in the middle is incomplete', () => {
    expect(apply([stream(continued(7))]).runs.get('run_a')?.complete).toBe(false);
  });

  it('needs no past of a child whose start was streamed', () => {
    const started = view(5, {
      type: 'effect.started',
      effectId: 'eff_1',
      callId: 't1',
      tool: 'spawn_worker',
      childRunId: 'run_child',
    });
    expect(apply([stream(started)]).runs.get('run_child')).toEqual({ events: [], complete: true });
    expect(apply([{ type: 'loaded', runId: 'run_a', events: [started] }]).runs.has('run_child')).toBe(false);
  });

  it('starts over when the journal behind the stream is another one', () => {
    const state = apply([stream(continued(90)), { type: 'caught-up', seq: 3 }]);
    expect(state.cursor).toBe(3);
    expect(state.runs.size).toBe(0);
  });

  it('moves the cursor for events that belong to no run', () => {
    const changed = view(12, { type: 'agent.changed', agentId: 'a', change: 'updated' }, null);
    expect(apply([stream(changed)]).cursor).toBe(12);
  });

  it('forgets the oldest finished runs, never an open one', () => {
    const many = Array.from({ length: 400 }, (_, index) =>
      stream(
        view(
          index + 2,
          { type: 'run.finished', state: 'done', result: { kind: 'result', text: '', artifacts: [] } },
          `run_${index}`,
        ),
      ),
    );
    const state = apply([stream(input(1, 'still open', 'run_open')), ...many]);
    expect(state.runs.size).toBeLessThan(200);
    expect(seqs(state, 'run_open')).toEqual([1]);
    expect(seqs(state, 'run_399')).toEqual([401]);
    expect(seqs(state, 'run_0')).toBeUndefined();
  });
});

describe('drafts', () => {
  it('puts chunks in order by offset and ignores repeats', () => {
    expect(shown(apply([draft('world', 6), draft('hello ', 0), draft('hello ', 0), draft('!', 11)]))).toBe(
      'hello world!',
    );
  });

  it('shows a gap as a gap until the missing chunk comes', () => {
    const gap = apply([draft('one ', 0), draft('three', 8)]);
    expect(shown(gap)).toBe('one  … three');
    expect(shown(apply([draft('two ', 4)], gap))).toBe('one two three');
  });

  it('marks a draft joined in the middle', () => {
    expect(shown(apply([draft('the end', 40)]))).toBe('… the end');
  });

  it('lets a reset or a newer attempt replace what was shown, and drops late chunks of the older one', () => {
    const reset: JournalAction = {
      type: 'live',
      live: { type: 'draft.reset', runId: 'run_a', step: 1, attempt: 2 },
    };
    expect(shown(apply([draft('first try', 0), reset]))).toBe('');
    expect(shown(apply([draft('first try', 0), reset, draft('second', 0, 1, 2), draft('late', 9, 1, 1)]))).toBe(
      'second',
    );
    expect(shown(apply([draft('first try', 0), draft('second', 0, 1, 2)]))).toBe('second');
  });

  it('ends with the stored message and does not come back with a late chunk', () => {
    const ended = apply([draft('Hel', 0), stream(finishedModel(5, 1)), draft('lo.', 3)]);
    expect(ended.drafts.size).toBe(0);
    expect(shown(apply([draft('next', 0, 2)], ended))).toBe('next');
  });

  it('goes on after a question was answered, and ends with the run', () => {
    const result = { kind: 'question' as const, text: 'Which?', artifacts: [] };
    const asked = apply([stream(view(6, { type: 'run.finished', state: 'asked', result }))]);
    expect(shown(apply([draft('again', 0, 2)], asked))).toBe('again');
    const done = apply([draft('again', 0, 2), stream(view(7, { type: 'run.finished', state: 'done', result }))], asked);
    expect(shown(apply([draft('late', 0, 3)], done))).toBe('');
  });

  it('keeps the draft of a later step when an earlier one is replayed', () => {
    expect(shown(apply([draft('step two', 0, 2), stream(finishedModel(5, 1))]))).toBe('step two');
  });
});

describe('live tool output', () => {
  const chunk = (text: string): JournalAction => ({
    type: 'live',
    live: { type: 'tool.output', runId: 'run_a', callId: 't1', stream: 'stdout', text },
  });
  const done = stream(
    view(8, {
      type: 'effect.finished',
      effectId: 'eff_1',
      callId: 't1',
      tool: 'run_command',
      outcome: { status: 'ok', text: 'all', label: { ...label, origins: [] } },
      durationMs: 3,
    }),
  );

  it('is bounded and says when it was cut', () => {
    const output = apply([chunk('x'.repeat(MAX_LIVE_OUTPUT_CHARS)), chunk('END')]).outputs.get(
      outputKey('run_a', 't1'),
    );
    expect(output?.text).toHaveLength(MAX_LIVE_OUTPUT_CHARS);
    expect(output?.text.endsWith('END')).toBe(true);
    expect(output?.cut).toBe(true);
  });

  it('gives way to the outcome, for good', () => {
    expect(apply([chunk('part'), done, chunk('late')]).outputs.size).toBe(0);
  });
});
