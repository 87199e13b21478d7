import { describe, expect, it } from 'vitest';
import { overdueOf } from './overdue.ts';

const limits = { stallMs: 600_000, queuedMs: 600_000, questionMs: 86_400_000 };
const run = (change: object) => ({
  id: 'run_1',
  kind: 'chat',
  agent_id: 'operator',
  session_id: 'ses_1',
  title: 'a job',
  state: 'running',
  waiting_for: null,
  wait_owner: null,
  wait_deadline: null,
  created_at: 0,
  progress_at: 0,
  ...change,
});

describe('what is past its deadline', () => {
  it('says who must act on a wait, and what to do', () => {
    const waiting = run({
      state: 'waiting',
      waiting_for: 'the vault does not answer',
      wait_owner: 'vault',
      wait_deadline: 5,
    });
    expect(overdueOf([waiting], 4, limits)).toEqual([]);
    expect(overdueOf([waiting], 5, limits)).toMatchObject([
      { runId: 'run_1', owner: 'vault', deadline: 5, remedy: expect.stringContaining('holdfast restart') },
    ]);
  });

  it('gives a wait that was written without a deadline one all the same', () => {
    const old = run({ state: 'waiting', waiting_for: 'something' });
    expect(overdueOf([old], limits.questionMs, limits)).toHaveLength(1);
  });

  it('measures a run at work by its progress', () => {
    expect(overdueOf([run({ progress_at: 1_000 })], 600_999, limits)).toEqual([]);
    expect(overdueOf([run({ progress_at: 1_000 })], 601_000, limits)).toMatchObject([{ owner: 'host' }]);
  });

  it('does not blame a chat that waits behind another one of its session', () => {
    const queued = run({ id: 'run_2', state: 'queued' });
    expect(overdueOf([run({ progress_at: 700_000 }), queued], 700_001, limits)).toEqual([]);
    expect(overdueOf([queued], 700_001, limits)).toMatchObject([{ runId: 'run_2', owner: 'lane' }]);
  });

  it('lists a question that nobody answers', () => {
    expect(overdueOf([run({ state: 'asked' })], limits.questionMs, limits)).toMatchObject([{ owner: 'person' }]);
  });
});
