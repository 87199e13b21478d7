import type { Clock } from '../../base/clock.ts';
import type { JournalEvent, StoredEvent } from '../../protocol/event.ts';
import type { Statement } from '../../storage/store.ts';
import type { Journal } from '../journal/journal.ts';
import { cleanEvents } from '../leaks/clean-events.ts';
import type { LeakGuard } from '../leaks/leak-guard.ts';
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
  /** Looks for secrets in what is about to be kept; absent in tests that have no vault. */
  readonly leaks?: LeakGuard | undefined;
  /** Ends the wait for a vault that is away. */
  readonly signal?: AbortSignal | undefined;
}

/** A vault that is away for longer is told to people, not only waited for. */
const VAULT_BACK_WITHIN_MS = 300_000;

export function createRunWriter(
  run: { runId: string; epoch: number; spec: RunSpec; progress: Progress },
  deps: RunWriterDeps,
): RunWriter {
  const write: RunWriter['append'] = async (events, also = []) => {
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
  };
  const waiting = async (detail: string): Promise<void> => {
    const deadline = deps.clock.now() + VAULT_BACK_WITHIN_MS;
    await write([{ type: 'run.waiting', on: 'vault', detail, owner: 'vault', deadline }]);
  };
  return {
    ...run,
    observe: (event) => applyEvent(run.progress, event),
    append: async (raw, also) => {
      const events = raw.map(cleanEvent);
      if (deps.leaks === undefined) return await write(events, also);
      return await write(await cleanEvents(deps.leaks, events, { signal: deps.signal, waiting }), also);
    },
  };
}
