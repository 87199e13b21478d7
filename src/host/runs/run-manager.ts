import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { newId } from '../../base/id.ts';
import { BackgroundQueue } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/logger.ts';
import { type ErrorCode, HoldfastError } from '../../protocol/error.ts';
import type { EventOf, JournalEvent } from '../../protocol/event.ts';
import { RunId } from '../../protocol/ids.ts';
import { covers, joinLabels, type Label, SYSTEM_LABEL } from '../../protocol/label.ts';
import { isTerminal, RunState } from '../../protocol/run.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { Journal } from '../journal/journal.ts';
import { withQuarantineTools } from '../quarantine/quarantine.ts';
import { foldEvents } from './progress.ts';
import { driveRun, finishRun, type RunLoopDeps } from './run-loop.ts';
import { type RunStore, specOf } from './run-store.ts';
import { createRunWriter, type RunWriter, type RunWriterDeps } from './run-writer.ts';
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
  readonly clock: Clock;
  readonly log: Logger;
  /** What a new run's model will read besides its input, where that is more than nothing. */
  readonly earlierLabel: (runId: string, spec: RunSpec) => Promise<Label | undefined>;
  /** Called once a run is terminal or asked, after its unit. */
  readonly onSettled: (writer: RunWriter, state: RunState) => Promise<void>;
}

/** Restarts without a finished step in between after which a run is not taken up again. */
const MOST_RESUMES = 3;

/** Trouble of the database that an operator mends while the host runs. */
const MAY_PASS: readonly ErrorCode[] = ['storage.full', 'storage.read-only'];

class Cancelled extends HoldfastError {}

export function createRunManager(deps: RunManagerDeps): RunManager {
  const active = new Map<string, { controller: AbortController; done: Promise<void> }>();
  const waiting = new Map<string, Set<() => void>>();
  const background = new BackgroundQueue((error, name) =>
    deps.log.error('Run stopped by an error', { run: name, error }),
  );

  const execute = async (runId: string, signal: AbortSignal): Promise<void> => {
    const row = await deps.runs.get(runId);
    if (isTerminal(RunState.parse(row.state)) || row.state === 'asked') return;
    const writer = await claimAndBegin(row, deps);
    try {
      if (row.resumes >= MOST_RESUMES) await giveUp(writer, row, deps);
      await driveRun(writer, deps.loop, signal);
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

  const notify = (runId: string): void => {
    for (const resolve of waiting.get(runId) ?? []) resolve();
    waiting.delete(runId);
  };

  const start = (runId: string): void => {
    if (active.has(runId)) return;
    const controller = new AbortController();
    let finish = (): void => {};
    const done = new Promise<void>((resolve) => {
      finish = resolve;
    });
    active.set(runId, { controller, done });
    background.add(runId, async (shutdown) => {
      try {
        const signal = AbortSignal.any([shutdown, controller.signal]);
        const timer = deadlineTimer(await deps.runs.get(runId), controller);
        await executeOnceWritable(runId, signal).finally(() => clearTimeout(timer));
      } finally {
        active.delete(runId);
        finish();
        notify(runId);
      }
    });
  };

  const cancel = async (runId: string, reason: string): Promise<void> => {
    const row = await deps.runs.get(runId);
    if (row.finished_at !== null) return;
    // The run first: it must not take the end of its children for an answer and go on.
    const running = active.get(runId);
    running?.controller.abort(new Cancelled('cancelled', reason));
    for (const child of await deps.runs.list({ parentRunId: runId, active: true, limit: 500 }))
      if (!specOf(child).background) await cancel(child.id, reason);
    if (running === undefined) await endIdle(row, cancelled(reason), deps);
    else await running.done;
    notify(runId);
  };

  return {
    get size() {
      return active.size;
    },
    create(spec, id = newId(RunId, 'run')) {
      return { id, statement: deps.runs.insert(id, withQuarantineTools(spec), deps.clock.now()) };
    },
    start,
    cancel,
    async settled(runId, signal) {
      for (;;) {
        signal.throwIfAborted();
        const woken = wakeUp(runId, waiting, signal);
        const row = await deps.runs.get(runId);
        if (row.finished_at !== null || row.state === 'asked') return row;
        await woken;
      }
    },
    async answer(runId, result) {
      const row = await deps.runs.get(runId);
      if (row.state !== 'asked')
        throw new HoldfastError('conflict', `The worker ${runId} has no open question; it is ${row.state}.`);
      await active.get(runId)?.done;
      const { writer, statement } = await prepareClaim(row, deps);
      const call = writer.progress.batch.find((candidate) => candidate.started && candidate.outcome === undefined);
      if (call === undefined) throw new HoldfastError('conflict', `The worker ${runId} has no open question.`);
      const { effectId, callId, tool } = call;
      // One unit: a run that was claimed without its answer would wait for ever.
      await writer.append([{ type: 'effect.finished', effectId, callId, tool, ...result }], [statement]);
      start(runId);
    },
    async [Symbol.asyncDispose]() {
      await background[Symbol.asyncDispose]();
    },
  };
}

async function claim(row: RunsTable, deps: RunManagerDeps): Promise<RunWriter> {
  const { writer, statement } = await prepareClaim(row, deps);
  await deps.store.write([statement]);
  return writer;
}

/** The writer that will hold once `statement` is committed. */
async function prepareClaim(
  row: RunsTable,
  deps: RunManagerDeps,
): Promise<{ writer: RunWriter; statement: Statement }> {
  const stored = await deps.journal.read({ runId: row.id });
  const progress = foldEvents(stored.map((item) => item.event));
  const statement = deps.runs.claim(row, deps.clock.now(), progress.started !== undefined);
  return {
    statement,
    writer: createRunWriter({ runId: row.id, epoch: row.epoch + 1, spec: specOf(row), progress }, deps),
  };
}

/** Takes the run over and writes its first events, or the note that it goes on: one unit, so one wait for the disk. */
async function claimAndBegin(row: RunsTable, deps: RunManagerDeps): Promise<RunWriter> {
  const { writer, statement } = await prepareClaim(row, deps);
  const isNew = writer.progress.started === undefined;
  const opening = isNew ? await firstEvents(writer, deps) : [resumedEvent(writer)];
  await writer.append(opening, [statement]);
  return writer;
}

/** A turn is led by what earlier turns have read, so it begins with their label. */
async function firstEvents({ runId, spec }: RunWriter, deps: RunManagerDeps): Promise<JournalEvent[]> {
  const messageId = spec.messageId === undefined ? {} : { messageId: spec.messageId };
  const opening: JournalEvent[] = [startedEvent(spec), { type: 'input.received', ...spec.input, ...messageId }];
  const label = await deps.earlierLabel(runId, spec);
  if (label === undefined || covers(joinLabels(SYSTEM_LABEL, spec.input.label), label)) return opening;
  return [...opening, { type: 'context.labelled', from: 'session', label }];
}

function resumedEvent({ progress, epoch }: RunWriter): JournalEvent {
  const interrupted = progress.batch
    .filter((call) => call.started && call.outcome === undefined)
    .map((call) => call.effectId);
  return { type: 'run.resumed', epoch, interrupted };
}

/** A run that stops the host again and again is not taken up once more. */
async function giveUp(writer: RunWriter, row: RunsTable, deps: RunManagerDeps): Promise<void> {
  await finishRun(writer, deps.loop, {
    type: 'run.finished',
    state: 'failed',
    result: { kind: 'error', text: writer.progress.lastText, artifacts: writer.progress.artifacts },
    error: {
      code: 'run.interrupted',
      message: `The host stopped ${row.resumes} times during this step of the run, so it is not tried again.`,
      remedy: 'Look into the logs for the cause, then send the message again.',
    },
  });
}

function startedEvent(spec: RunSpec): JournalEvent {
  return {
    type: 'run.started',
    kind: spec.kind,
    agentId: spec.agentId,
    sessionId: spec.sessionId,
    parentRunId: spec.parentRunId,
    template: spec.template,
    model: spec.model,
    tools: spec.tools,
    systemPrompt: spec.systemPrompt,
    limits: spec.limits,
  };
}

/** What an error makes of a run. False: the host is stopping or another holder has it; nothing is written. */
async function endBy(
  thrown: unknown,
  writer: RunWriter,
  { deps, signal }: { deps: RunManagerDeps; signal: AbortSignal },
): Promise<boolean> {
  const cause: unknown = signal.aborted ? signal.reason : thrown;
  if (signal.aborted && !(cause instanceof Cancelled)) return false;
  const error = HoldfastError.from(cause);
  if (MAY_PASS.includes(error.code)) throw error;
  if (error.code === 'storage.guard-failed') {
    deps.log.warn('Run is held by someone else now', { run: writer.runId });
    return false;
  }
  if (!(error instanceof Cancelled)) deps.log.error('Run failed', { run: writer.runId, error });
  const event = cancelled(error.message);
  const result = { ...event.result, text: writer.progress.lastText, artifacts: writer.progress.artifacts };
  const state = error.code === 'cancelled' ? 'cancelled' : 'failed';
  await finishRun(writer, deps.loop, { ...event, state, result, error: error.toShape() });
  return true;
}

/** Ends a run that nobody executes (queued, or waiting for its parent's answer). */
async function endIdle(row: RunsTable, event: EventOf<'run.finished'>, deps: RunManagerDeps): Promise<void> {
  const writer = await claim(row, deps);
  await finishRun(writer, deps.loop, event);
  await deps.onSettled(writer, event.state);
}

function cancelled(reason: string): EventOf<'run.finished'> {
  return {
    type: 'run.finished',
    state: 'cancelled',
    result: { kind: 'error', text: '', artifacts: [] },
    error: { code: 'cancelled', message: reason },
  };
}

/** A worker's wall time. Chats have none: each of their steps has its own limits. */
function deadlineTimer(row: RunsTable, controller: AbortController): NodeJS.Timeout | undefined {
  if (row.kind !== 'worker') return undefined;
  const limitMs = specOf(row).limits.workerTimeoutMs;
  const error = new Cancelled('timeout', `The worker used up its time of ${Math.round(limitMs / 1_000)} s.`, {
    remedy: 'Give a smaller task or a longer timeout_ms.',
  });
  return setTimeout(() => controller.abort(error), limitMs);
}

function wakeUp(runId: string, waiting: Map<string, Set<() => void>>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const set = waiting.get(runId) ?? new Set();
    waiting.set(runId, set.add(resolve));
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
