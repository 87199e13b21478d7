import type { RunItem, RunModel } from '../state/run-model.ts';

export interface Bar {
  readonly seq: number;
  readonly item: Exclude<RunItem, { kind: 'input' } | { kind: 'note' }>;
  readonly kind: 'model' | 'tool' | 'wait' | 'bad';
  readonly title: string;
  /** Share of the whole run, 0 to 1. */
  readonly from: number;
  readonly width: number;
  readonly durationMs: number;
  readonly open: boolean;
  readonly costUsd: number | undefined;
}

/** Unix milliseconds. A worker's bars are laid on the axis of the run that is shown. */
export interface Axis {
  readonly start: number;
  readonly end: number;
}

export function axisOf(run: RunModel, now: number): Axis {
  const start = run.startedAt ?? run.items[0]?.at ?? now;
  return { start, end: Math.max(run.finishedAt ?? now, start + 1) };
}

export interface Timeline {
  readonly bars: readonly Bar[];
  readonly spanMs: number;
  readonly modelCalls: number;
  readonly toolCalls: number;
  readonly waitedMs: number;
}

/** Places everything a run did on one axis. Pure; `now` is where open bars end. */
export function layTimeline(run: RunModel, now: number, axis: Axis = axisOf(run, now)): Timeline {
  const { start, end } = axis;
  const share = (ms: number) => Math.min(1, Math.max(0, ms / (end - start)));
  const bars = run.items.flatMap((item): Bar[] => {
    if (item.kind === 'input' || item.kind === 'note') return [];
    const from = item.kind === 'tool' ? (item.startedAt ?? item.at) : item.at;
    const open = item.endedAt === undefined && run.finishedAt === undefined;
    const until = Math.max(from, item.endedAt ?? run.finishedAt ?? end);
    return [
      {
        seq: item.seq,
        item,
        open,
        ...describe(item),
        from: share(from - start),
        width: share(until - from),
        durationMs: until - from,
      },
    ];
  });
  bars.sort((a, b) => a.from - b.from || a.seq - b.seq);
  return {
    bars,
    spanMs: end - start,
    modelCalls: bars.filter((bar) => bar.item.kind === 'model').length,
    toolCalls: bars.filter((bar) => bar.item.kind === 'tool').length,
    waitedMs: bars.reduce((sum, bar) => sum + (bar.item.kind === 'wait' ? bar.durationMs : 0), 0),
  };
}

function describe(item: Bar['item']): Pick<Bar, 'kind' | 'title' | 'costUsd'> {
  switch (item.kind) {
    case 'model':
      return {
        kind: item.failed ? 'bad' : 'model',
        title: item.attempt > 1 ? `Model, attempt ${item.attempt}` : 'Model',
        costUsd: item.finished?.costUsd,
      };
    case 'tool': {
      const failed = item.outcome !== undefined && item.outcome.status !== 'ok';
      return { kind: failed ? 'bad' : 'tool', title: item.tool, costUsd: undefined };
    }
    case 'wait':
      return { kind: 'wait', title: `Waits for ${WAITS[item.event.on]}`, costUsd: undefined };
  }
}

const WAITS = { approval: 'a decision', child: 'a worker', budget: 'the budget', vault: 'the vault' };
