import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { newId } from '../../base/id.ts';
import type { Logger } from '../../base/logger.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { EventOf } from '../../protocol/event.ts';
import { RunId } from '../../protocol/ids.ts';
import type { Label } from '../../protocol/label.ts';
import { isTerminal, RunState } from '../../protocol/run.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { Journal } from '../journal/journal.ts';
import { withQuarantineTools } from '../quarantine/quarantine.ts';
import { wasRefused } from '../steering/refused-unit.ts';
import { createActiveRuns } from './active-runs.ts';
import { claimAndBegin, prepareClaim } from './claim-run.ts';
import { createDeadlines } from './deadlines.ts';
import { Cancelled, cancelled, endBy, endIdle, giveUp, MAY_PASS } from './end-run.ts';
import { driveRun, type RunLoopDeps } from './run-loop.ts';
import { type RunStore, specOf } from './run-store.ts';
import type { RunWriter, RunWriterDeps } from './run-writer.ts';
import { createSettledRuns } from './settled-runs.ts';
import type { RunSpec } from './spec.ts';
import type { RunsTable } from './tables.ts';

/**
 * Runs from their creation to their end. A run is a row first; executing it claims the row, folds its journal and drives
 * the loop. Cancelling ends it with a named state; stopping the host does not: it is taken up again at the next start.
 */
export interface RunManager extends AsyncDisposable {
  readonly size: number;
  /** The row of a new run, for a unit of the caller's; `start` it after that unit. */
  create(spec: RunSpec, id?: string): { id: string; statement: Statement };
  /** Executes it in the background unless it is already executing here. */
  start(runId: string): void;
  /** Resolves when the run is terminal or has asked its parent something. */
  settled(runId: string, signal: AbortSignal): Promise<RunsTable>;
  isActive(runId: string): boolean;
  activeIds(): readonly string[];
  /**
   * Starts a run that hangs again from its journal. Whatever of it does not end is left behind: its epoch is over, so it
   * can write nothing any more.
   */
  restart(runId: string, cause: string): Promise<void>;
  /** Stops the clock of a worker while it waits for a worker of its own. */
  pauseDeadline(runId: string): Disposable;
  /** Ends it, and its children, as cancelled. Does nothing to a terminal run. */
  cancel(runId: string, reason: string): Promise<void>;
  /** Gives the answer that an `asked` run waits for and lets it go on. */
  answer(runId: string, result: Pick<EventOf<'effect.finished'>, 'outcome' | 'durationMs'>): Promise<void>;
}

export interface RunManagerDeps extends RunWriterDeps {
  readonly store: Store;
  readonly runs: RunStore;
  readonly journal: Journal;
  readonly loop: RunLoopDeps;
  /** Resolves once the runs of this agent may be executed: while it is frozen they wait. */
  readonly hold: (agentId: string, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
  /** What a new run's model will read besides its input, where that is more than nothing. */
  readonly earlierLabel: (runId: string, spec: RunSpec) => Promise<Label | undefined>;
  /** Called once a run is terminal or asked, after its unit. */
  readonly onSettled: (writer: RunWriter, state: RunState) => Promise<void>;
}

/** Restarts without a finished step in between after which a run is not taken up again. */
const MOST_RESUMES = 3;

/** False: it was called off while it waited. */
const mayGoOn = (held: Promise<void>): Promise<boolean> =>
  held.then(
    () => true,
    () => false,
  );

export function createRunManager(deps: RunManagerDeps): RunManager {
  const { notify, settled } = createSettledRuns(deps.runs);
  const deadlines = createDeadlines();

  const execute = async (runId: string, signal: AbortSignal): Promise<void> => {
    const row = await deps.runs.get(runId);
    if (isTerminal(RunState.parse(row.state)) || row.state === 'asked') return;
    const writer = await claimAndBegin(row, { ...deps, cause: active.takeCause(runId), signal });
    try {
      if (row.resumes >= MOST_RESUMES) await giveUp(writer, row, deps);
      await driveRun(writer, deps.loop, { signal, hold: () => deadlines.hold(runId) });
    } catch (thrown) {
      if (!(await endBy(thrown, writer, { deps, signal }))) return;
    }
    if (writer.progress.finished === undefined) return;
    notify(runId); // Whoever waits for the result need not wait for the sandbox to be cleared away.
    await deps.onSettled(writer, writer.progress.finished.state);
  };

  /** A full disk ends no run: what could not be written is done again from the journal once there is room. */
  const executeOnceWritable = async (runId: string, signal: AbortSignal): Promise<void> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await execute(runId, signal);
      } catch (thrown) {
        const error = HoldfastError.from(thrown);
        if (signal.aborted || !MAY_PASS.includes(error.code)) throw thrown;
        deps.log.error('Run waits until the database can be written again', { run: runId, error });
        await deps.clock.sleep(backoffMs(attempt, { baseMs: 500, maxMs: 15_000 }), signal);
      }
    }
  };

  const active = createActiveRuns({
    clock: deps.clock,
    log: deps.log,
    onEnded: notify,
    async execute(runId, controller, signal) {
      const row = await deps.runs.get(runId);
      if (!(await mayGoOn(deps.hold(row.agent_id, signal)))) return;
      using _ = deadlines.start(row, controller);
      await executeOnceWritable(runId, signal);
    },
  });

  const cancel = async (runId: string, reason: string): Promise<void> => {
    const row = await deps.runs.get(runId);
    if (row.finished_at !== null) return;
    // The run first: it must not take the end of its children for an answer and go on.
    const ended = active.abort(runId, new Cancelled('cancelled', reason));
    for (const child of await deps.runs.list({ parentRunId: runId, active: true, limit: 500 }))
      if (!specOf(child).background) await cancel(child.id, reason);
    if (ended === undefined) {
      // Refused: it was taken up in that moment, and is ended as what it is now.
      if (await wasRefused(endIdle(row, cancelled(reason), deps))) return await cancel(runId, reason);
    } else {
      await ended;
      // One that was held had not begun: nothing but this ends it.
      const left = await deps.runs.get(runId);
      if (left.finished_at === null && !active.has(runId)) await endIdle(left, cancelled(reason), deps);
    }
    notify(runId);
  };

  return {
    get size() {
      return active.size;
    },
    create(spec, id = newId(RunId, 'run')) {
      return { id, statement: deps.runs.insert(id, withQuarantineTools(spec), deps.clock.now()) };
    },
    start: active.start,
    isActive: active.has,
    activeIds: active.ids,
    restart: active.restart,
    cancel,
    pauseDeadline: deadlines.hold,
    settled,
    async answer(runId, result) {
      const row = await deps.runs.get(runId);
      if (row.state !== 'asked')
        throw new HoldfastError('conflict', `The worker ${runId} has no open question; it is ${row.state}.`);
      await active.ended(runId);
      const { writer, statement } = await prepareClaim(row, deps);
      const call = writer.progress.batch.find((candidate) => candidate.started && candidate.outcome === undefined);
      if (call === undefined) throw new HoldfastError('conflict', `The worker ${runId} has no open question.`);
      const { effectId, callId, tool } = call;
      // One unit: a run that was claimed without its answer would wait for ever.
      await writer.append([{ type: 'effect.finished', effectId, callId, tool, ...result }], [statement]);
      active.start(runId);
    },
    [Symbol.asyncDispose]: () => active[Symbol.asyncDispose](),
  };
}
