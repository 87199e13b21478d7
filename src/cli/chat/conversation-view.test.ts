import { describe, expect, it } from 'vitest';
import type { EventView, StreamMessage } from '../../protocol/api.ts';
import { JournalEvent } from '../../protocol/event.ts';
import { RunLimits } from '../../protocol/run.ts';
import { createPaint } from '../render/paint.ts';
import { createConversationView } from './conversation-view.ts';
import type { Screen } from './screen.ts';

const LABEL = { integrity: 'owner', confidentiality: 'internal' };
const LIMITS = RunLimits.parse({});

function world() {
  let text = '';
  const screen: Screen = {
    width: 60,
    line: (line) => {
      text += `${text.endsWith('\n') || text === '' ? '' : '\n'}${line}\n`;
    },
    draft: (piece) => {
      text += piece;
    },
    endDraft: () => {
      if (text !== '' && !text.endsWith('\n')) text += '\n';
    },
    prompt: () => {},
    hidePrompt: () => {},
  };
  const view = createConversationView({ screen, paint: createPaint(false), onChange: () => {} });
  view.follow('ses_1');
  let seq = 0;
  const event = (runId: string, raw: Record<string, unknown>, again?: number): number => {
    seq += 1;
    const view_: EventView = {
      seq: again ?? seq,
      runId,
      sessionId: runId === 'run_w' ? null : 'ses_1',
      agentId: 'operator',
      at: 1_000 * seq,
      event: JournalEvent.parse(raw),
    };
    view.handle({ type: 'event', event: view_ });
    return seq;
  };
  const live = (value: Record<string, unknown>): void => {
    const message: StreamMessage = { type: 'live', live: { runId: 'run_a', step: 1, attempt: 1, ...value } as never };
    view.handle(message);
  };
  const started = (runId: string, more: Record<string, unknown> = {}): number =>
    event(runId, {
      type: 'run.started',
      kind: 'chat',
      agentId: 'operator',
      sessionId: 'ses_1',
      model: 'p/m',
      tools: [],
      systemPrompt: '',
      limits: LIMITS,
      ...more,
    });
  const finishedModel = (runId: string, text_: string, step = 1): number =>
    event(runId, {
      type: 'model.finished',
      step,
      attempt: 1,
      callId: 'c',
      stop: 'end',
      usage: {},
      costUsd: 0.002,
      durationMs: 5,
      message: { role: 'assistant', model: 'p/m', wire: 'openai-chat', parts: [{ type: 'text', text: text_ }] },
    });
  const finished = (runId: string, text_: string): number =>
    event(runId, { type: 'run.finished', state: 'done', result: { kind: 'result', text: text_ } });
  return { view, event, live, started, finishedModel, finished, shown: () => text };
}

describe('the conversation view', () => {
  it('shows a streamed answer once, also when the draft has gaps or comes again', () => {
    const w = world();
    w.started('run_a');
    w.live({ type: 'draft.text', text: 'Hel', offset: 0 });
    w.live({ type: 'draft.text', text: 'Hello', offset: 0 });
    w.live({ type: 'draft.text', text: 'lost', offset: 40 });
    w.finishedModel('run_a', 'Hello, world.');
    const seq = w.finished('run_a', 'Hello, world.');
    w.event('run_a', { type: 'run.finished', state: 'done', result: { kind: 'result', text: 'again' } }, seq);
    expect(w.shown()).toBe('Hello, world.\n  1 step · $0.0020\n');
    expect(w.view.activeRun).toBeUndefined();
  });

  it('shows the whole answer when no draft came', () => {
    const w = world();
    w.started('run_a');
    w.finishedModel('run_a', 'Late but whole.');
    w.finished('run_a', 'Late but whole.');
    expect(w.shown().match(/Late but whole/g)).toHaveLength(1);
  });

  it('shows the steps of a worker as single lines with arguments, time and cost, cleaned', () => {
    const w = world();
    w.started('run_a');
    w.started('run_w', { kind: 'worker', parentRunId: 'run_a', template: 'code', sessionId: undefined });
    const input = { command: `cat \u001b]0;owned\u0007report.txt ${'x'.repeat(80)}` };
    w.event('run_w', {
      type: 'tool.requested',
      step: 1,
      callId: 'k',
      effectId: 'e',
      tool: 'run_command',
      input,
      argsHash: 'h',
    });
    w.event('run_w', {
      type: 'effect.finished',
      effectId: 'e',
      callId: 'k',
      tool: 'run_command',
      durationMs: 312,
      outcome: { status: 'ok', text: 'secret words of the output', label: LABEL },
    });
    w.finishedModel('run_w', 'worker text is not shown');
    w.finished('run_w', 'done');
    const lines = w.shown().trimEnd().split('\n');
    expect(lines[0]).toBe('  code started');
    expect(lines[1]).toMatch(/^ {2}code · ✓ run_command cat report\.txt x+… 312 ms$/);
    expect(lines[1]?.length).toBeLessThanOrEqual(60);
    expect(lines[2]).toBe('  code · done · 1 step · 4.0 s · $0.0020');
    expect(w.shown()).not.toContain('worker text');
  });

  it('follows no run of another conversation', () => {
    const w = world();
    w.started('run_other', { sessionId: 'ses_2' });
    w.view.follow('ses_9');
    w.started('run_b');
    w.finishedModel('run_b', 'not for this screen');
    expect(w.shown()).not.toContain('not for this screen');
  });

  it('holds an approval until someone decides it, and says who', () => {
    const w = world();
    w.started('run_a');
    const card = { title: 'Read a folder', facts: [{ name: 'folder', value: '/home/ada (read-only)' }], risk: 'low' };
    w.event('run_a', { type: 'approval.requested', approvalId: 'apr_1', callId: 'k', card, expiresAt: 9 });
    expect(w.view.approval?.id).toBe('apr_1');
    expect(w.shown()).toContain('/home/ada (read-only)');
    const decided = { approvalId: 'apr_1', callId: 'k', outcome: 'denied', by: 'ada', surface: 'web' };
    w.event('run_a', { type: 'approval.decided', ...decided });
    expect(w.view.approval).toBeUndefined();
    expect(w.shown()).toContain('denied by ada (web)');
  });

  it('asks no more when the run that asked has ended', () => {
    const w = world();
    w.started('run_a');
    const card = { title: 'Read a folder', facts: [], risk: 'low' };
    w.event('run_a', { type: 'approval.requested', approvalId: 'apr_1', callId: 'k', card, expiresAt: 9 });
    const error = { code: 'cancelled', message: 'Cancelled by owner.' };
    w.event('run_a', { type: 'run.finished', state: 'cancelled', result: { kind: 'error', text: '' }, error });
    expect(w.view.approval).toBeUndefined();
    expect(w.shown()).toContain('  cancelled\n');
    expect(w.shown()).not.toContain('error');
  });

  it('says why a run failed', () => {
    const w = world();
    w.started('run_a');
    w.event('run_a', {
      type: 'run.finished',
      state: 'failed',
      result: { kind: 'error', text: '' },
      error: { code: 'model.auth', message: 'The provider refused the key.', remedy: 'holdfast setup' },
    });
    expect(w.shown()).toContain('The provider refused the key. [model.auth]');
    expect(w.shown()).toContain('fix holdfast setup');
  });
});
