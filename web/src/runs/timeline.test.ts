import { describe, expect, it } from 'vitest';
import type { RunItem, RunModel } from '../state/run-model.ts';
import { layTimeline } from './timeline.ts';

const wait = (at: number, endedAt: number | undefined): RunItem => ({
  kind: 'wait',
  seq: at,
  at,
  event: { type: 'run.waiting', on: 'vault', detail: '' },
  endedAt,
});
const run = (items: RunItem[], finishedAt: number | undefined): RunModel => ({
  id: 'run_a',
  kind: 'chat',
  agentId: 'operator',
  parentRunId: undefined,
  template: undefined,
  model: 'm',
  state: finishedAt === undefined ? 'running' : 'done',
  startedAt: 1_000,
  finishedAt,
  costUsd: 0,
  items,
  artifacts: [],
  result: undefined,
  error: undefined,
});

describe('layTimeline', () => {
  it('places bars as shares of the run', () => {
    const { bars, spanMs, waitedMs } = layTimeline(run([wait(1_500, 1_750)], 2_000), 9_000);
    expect(bars[0]).toMatchObject({ from: 0.5, width: 0.25, durationMs: 250, open: false });
    expect([spanMs, waitedMs]).toEqual([1_000, 250]);
  });

  it('lets an open bar grow to now', () => {
    expect(layTimeline(run([wait(1_500, undefined)], undefined), 2_000).bars[0]).toMatchObject({
      width: 0.5,
      open: true,
    });
  });

  it('lays a worker on the axis of the run that started it', () => {
    const bar = layTimeline(run([wait(1_000, 1_500)], 1_500), 9_000, { start: 0, end: 2_000 }).bars[0];
    expect(bar).toMatchObject({ from: 0.5, width: 0.25 });
  });

  it('puts what began first on top', () => {
    const late = { ...wait(1_100, 1_900), at: 1_800 };
    const { bars } = layTimeline(run([late, wait(1_200, 1_300)], 2_000), 2_000);
    expect(bars.map((bar) => bar.seq)).toEqual([1_200, 1_100]);
  });

  it('survives a run that took no time and clocks that went back', () => {
    const { bars } = layTimeline(run([wait(900, 800)], 1_000), 1_000);
    expect(bars[0]).toMatchObject({ from: 0, width: 0, durationMs: 0 });
  });
});
