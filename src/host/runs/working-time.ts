import type { JournalEvent } from '../../protocol/event.ts';
import type { AnyTool } from '../tools/tool.ts';
import type { Progress } from './progress.ts';
import type { RunClock } from './run-budget.ts';
import type { RunWriter } from './run-writer.ts';

/**
 * A writer that tells the clock when nobody works: the run waits for the vault or a budget, or each of its open calls waits
 * for a person or for a worker, whose time is counted as its own.
 */
export function timedWriter(writer: RunWriter, clock: RunClock, tools: ReadonlyMap<string, AnyTool>): RunWriter {
  const look = (events: readonly JournalEvent[]): void => {
    const last = events.at(-1);
    const waits = last?.type === 'run.waiting' && (last.on === 'budget' || last.on === 'vault');
    if (waits || allWait(writer.progress, tools)) clock.pause();
    else clock.resume();
  };
  return {
    runId: writer.runId,
    epoch: writer.epoch,
    spec: writer.spec,
    progress: writer.progress,
    observe: (event) => {
      writer.observe(event);
      look([event]);
    },
    append: async (events, also) => {
      const stored = await writer.append(events, also);
      look(events);
      return stored;
    },
  };
}

function allWait({ batch }: Progress, tools: ReadonlyMap<string, AnyTool>): boolean {
  const open = batch.filter((call) => call.outcome === undefined);
  return (
    open.length > 0 &&
    open.every((call) =>
      call.started
        ? tools.get(call.tool)?.startsRun === true
        : call.approvalId !== undefined && call.approved === undefined,
    )
  );
}
