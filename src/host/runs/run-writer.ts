import type { Clock } from '../../base/clock.ts';
import type { JournalEvent, StoredEvent } from '../../protocol/event.ts';
import type { Statement } from '../../storage/store.ts';
import type { Journal } from '../journal/journal.ts';
import { cleanEvent } from './clean-event.ts';
import { applyEvent, type Progress } from './progress.ts';
import type { Projection } from './projection.ts';
import type { RunSpec } from './spec.ts';

/**
 * The one hand that writes a run. Each unit carries its events, the rows that derive from them and the guard on the
 * run's epoch: whoever lost the run to another holder gets `storage.guard-failed` and has changed nothing. Progress is
 * folded only after the unit is durable.
 */
export interface RunWriter {
  readonly runId: string;
  readonly epoch: number;
  readonly spec: RunSpec;
  readonly progress: Progress;
  append(events: readonly JournalEvent[], also?: readonly Statement[]): Promise<StoredEvent[]>;
  /** Folds an event that someone else made durable (a person's decision). */
  observe(event: JournalEvent): void;
}

export interface RunWriterDeps {
  readonly journal: Journal;
  readonly project: Projection;
  readonly clock: Clock;
}

export function createRunWriter(
  run: { runId: string; epoch: number; spec: RunSpec; progress: Progress },
  deps: RunWriterDeps,
): RunWriter {
  return {
    ...run,
    observe: (event) => applyEvent(run.progress, event),
    async append(raw, also = []) {
      const events = raw.map(cleanEvent);
      const at = deps.clock.now();
      const rows = events.flatMap((event) => deps.project(event, { runId: run.runId, epoch: run.epoch, at }));
      const stored = await deps.journal.append(
        events.map((event) => ({
          runId: run.runId,
          sessionId: run.spec.sessionId,
          agentId: run.spec.agentId,
          event,
        })),
        [...also, ...rows],
      );
      for (const event of events) applyEvent(run.progress, event);
      return stored;
    },
  };
}
