import { describe, expect, it } from 'vitest';
import type { EventView } from '../../../src/protocol/api.ts';
import type { JournalEvent } from '../../../src/protocol/event.ts';
import { foldRun, type ToolItem } from './run-model.ts';

const label = { integrity: 'system' as const, confidentiality: 'internal' as const, origins: [] };
const card = { title: 'Let a worker read a folder?', facts: [{ name: 'folder', value: '/srv' }], risk: 'read-only' };

function journal(...events: JournalEvent[]): EventView[] {
  return events.map((event, index) => ({
    seq: index + 1,
    runId: 'run_a',
    sessionId: null,
    agentId: 'operator',
    at: (index + 1) * 100,
    event,
  }));
}
const requested: JournalEvent = {
  type: 'tool.requested',
  step: 1,
  callId: 't1',
  effectId: 'eff_1',
  tool: 'spawn_worker',
  input: { task: 'look' },
  argsHash: 'h',
};
const asked: JournalEvent = { type: 'approval.requested', approvalId: 'apr_1', callId: 't1', card, expiresAt: 9_000 };
const waiting: JournalEvent = { type: 'run.waiting', on: 'approval', detail: 'a decision' };
const tool = (events: EventView[]) =>
  foldRun('run_a', events).items.find((item): item is ToolItem => item.kind === 'tool');

describe('foldRun', () => {
  it('of nothing is a queued run', () => {
    const run = foldRun('run_a', []);
    expect(run.state).toBe('queued');
    expect(run.items).toEqual([]);
  });

  it('waits until a decision comes, whoever gives it', () => {
    expect(foldRun('run_a', journal(requested, waiting, asked)).state).toBe('waiting');
    const decided = journal(requested, waiting, asked, {
      type: 'approval.decided',
      approvalId: 'apr_1',
      callId: 't1',
      outcome: 'denied',
      by: 'ada',
      surface: 'cli',
    });
    expect(foldRun('run_a', decided).state).toBe('running');
    expect(tool(decided)?.approval).toMatchObject({ outcome: 'denied', by: 'ada', surface: 'cli' });
    expect(foldRun('run_a', decided).items.find((item) => item.kind === 'wait')).toMatchObject({ endedAt: 400 });
  });

  it('ties an effect to its call, its child run and its outcome', () => {
    const item = tool(
      journal(
        requested,
        { type: 'tool.decided', callId: 't1', decision: { kind: 'allow', rule: 'control' } },
        { type: 'effect.started', effectId: 'eff_1', callId: 't1', tool: 'spawn_worker', childRunId: 'run_b' },
        {
          type: 'effect.finished',
          effectId: 'eff_1',
          callId: 't1',
          tool: 'spawn_worker',
          outcome: { status: 'ok', text: 'found', label },
          durationMs: 42,
        },
      ),
    );
    expect(item).toMatchObject({ childRunId: 'run_b', durationMs: 42, startedAt: 300, endedAt: 400 });
    expect(item?.outcome?.text).toBe('found');
  });

  it('gives a reused call id to the newest call', () => {
    const events = journal(
      requested,
      { ...requested, step: 2, effectId: 'eff_2' },
      { type: 'tool.decided', callId: 't1', decision: { kind: 'allow', rule: 'second' } },
    );
    const items = foldRun('run_a', events).items.filter((item): item is ToolItem => item.kind === 'tool');
    expect(items.map((item) => item.decision?.rule)).toEqual([undefined, 'second']);
  });

  it('adds up what the model calls cost and names a failed attempt', () => {
    const base = { step: 1, callId: 'c', model: 'm' };
    const error = { code: 'model.overloaded' as const, message: 'Busy.' };
    const run = foldRun(
      'run_a',
      journal(
        { type: 'model.requested', ...base, attempt: 1 },
        { type: 'model.failed', ...base, attempt: 1, error, willRetry: true },
        { type: 'model.requested', ...base, attempt: 2 },
        {
          type: 'model.finished',
          ...base,
          attempt: 2,
          message: { role: 'assistant', model: 'm', wire: 'w', parts: [] },
          stop: 'end',
          usage: {},
          costUsd: 0.25,
          durationMs: 10,
        },
      ),
    );
    expect(run.costUsd).toBe(0.25);
    expect(run.items.map((item) => item.kind === 'model' && (item.failed?.error.code ?? 'ok'))).toEqual([
      'model.overloaded',
      'ok',
    ]);
  });

  it('says that a run went on after a restart and what is unknown', () => {
    const run = foldRun('run_a', journal({ type: 'run.resumed', epoch: 2, interrupted: ['eff_1'] }));
    expect(run.items[0]).toMatchObject({ text: 'Went on after a restart; the outcome of 1 effect is unknown' });
  });

  it('keeps the events of an unknown call from breaking the rest', () => {
    const run = foldRun('run_a', journal(asked, requested));
    expect(run.items).toHaveLength(1);
  });
});
