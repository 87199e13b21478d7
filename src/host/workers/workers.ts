import { HoldfastError } from '../../protocol/error.ts';
import type { EventOf } from '../../protocol/event.ts';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import type { Statement } from '../../storage/store.ts';
import { childRunId } from '../runs/hashes.ts';
import { specOf } from '../runs/run-store.ts';
import type { RunWriter } from '../runs/run-writer.ts';
import type { RunsTable } from '../runs/tables.ts';
import type { Steering } from '../steering/steering.ts';
import type { ToolContext } from '../tools/tool.ts';
import { createWorkerLauncher, type Launched, type WorkerLauncherDeps } from './launch.ts';
import { outcomeOf, outcomeOfMany } from './results.ts';
import type { WorkerTask } from './worker-task.ts';

/**
 * Starts workers for a run and brings back what became of them. A worker is a run of its own, whose id follows from the
 * effect that started it: doing it again after a crash finds the same worker instead of starting a second one.
 */
export interface Workers {
  spawn(task: WorkerTask, context: ToolContext, options?: { background?: boolean }): Promise<ToolOutcome>;
  /** All or none; at most `atOnce` of them run at the same time. */
  spawnMany(
    tasks: readonly WorkerTask[],
    context: ToolContext,
    options: { atOnce: number; background?: boolean },
  ): Promise<ToolOutcome>;
  answer(workerId: string, text: string, context: ToolContext): Promise<ToolOutcome>;
  /** Puts a text before the worker's next step. */
  steer(workerId: string, text: string, context: ToolContext): Promise<void>;
  stop(workerId: string, context: ToolContext): Promise<void>;
  /** The caller's own workers, newest first. */
  ofCaller(context: ToolContext): Promise<RunsTable[]>;
  /** The template of a worker and what it reaches: whatever is said to it may leave there. */
  reachOf(workerId: string): Promise<{ template: string; egress: readonly string[] } | undefined>;
  /** The state of one worker, in the form the model reads. */
  report(workerId: string, context: ToolContext): Promise<ToolOutcome>;
  /** Several at once, counted. */
  bringTogether(workerIds: readonly string[], context: ToolContext): Promise<ToolOutcome>;
  /** For the unit that ends a run. */
  ended(writer: RunWriter, event: EventOf<'run.finished'>): Statement[];
  /** After that unit: what a worker started ends with it. */
  endChildren(writer: RunWriter): Promise<void>;
}

export interface WorkersDeps extends WorkerLauncherDeps {
  readonly steering: () => Steering;
}

export function createWorkers(deps: WorkersDeps): Workers {
  const { runs, manager, journal } = deps;
  const launcher = createWorkerLauncher(deps);

  /** Waiting for a worker is not the caller's own time. */
  const settled = async (id: string, context: ToolContext): Promise<RunsTable> => {
    using _paused = manager().pauseDeadline(context.runId);
    return await manager().settled(id, context.signal);
  };

  const startIfOpen = async (id: string): Promise<RunsTable> => {
    const row = await runs.get(id);
    if (row.finished_at === null && row.state !== 'asked') manager().start(id);
    return row;
  };

  const own = async (id: string, context: ToolContext): Promise<RunsTable> => {
    const row = await runs.find(id);
    const caller = await runs.get(context.runId);
    if (row !== undefined && isOwn(row, caller)) return row;
    throw new HoldfastError('tool.bad-input', `There is no worker ${id} here.`, { remedy: 'Use list_workers.' });
  };

  return {
    async spawn(task, context, { background = false } = {}) {
      await deps.templates.refresh();
      const id = childRunId(context.effectId);
      const [launched] = (await runs.find(id))
        ? [{ id, duplicate: false }]
        : await launcher.launch([{ id, task }], context, background);
      if (launched?.duplicate === true) return duplicateOutcome(launched.id);
      const row = await startIfOpen(id);
      return await outcomeOf(background ? row : await settled(id, context), journal);
    },
    async spawnMany(tasks, context, { atOnce, background = false }) {
      await deps.templates.refresh();
      const wanted = tasks.map((task, n) => ({ id: childRunId(`${context.effectId}:${n}`), task }));
      const launched = await launcher.launch(wanted, context, background);
      const mine = launched.filter((one) => !one.duplicate);
      const rows = background
        ? await Promise.all(mine.map(({ id }) => startIfOpen(id)))
        : await inTurns(mine, atOnce, async ({ id }) => {
            await startIfOpen(id);
            return await settled(id, context);
          });
      return await outcomeOfMany(rows, { journal, also: duplicatesOf(launched) });
    },
    async answer(workerId, text, context) {
      const row = await own(workerId, context);
      const delivered = await wasDelivered(workerId, context.effectId, deps);
      if (row.state === 'asked' && !delivered) {
        const data = { answeredBy: context.effectId };
        const outcome: ToolOutcome = { status: 'ok', text, label: context.label, data };
        await manager().answer(workerId, { outcome, durationMs: 0 });
      } else await startIfOpen(workerId);
      // A background worker tells its session itself; waiting here too would tell its result twice.
      const waits = !specOf(row).background;
      return await outcomeOf(waits ? await settled(workerId, context) : await runs.get(workerId), journal);
    },
    async steer(workerId, text, context) {
      await own(workerId, context);
      await deps.steering().steer(workerId, { source: 'parent', text, label: context.label });
    },
    async stop(workerId, context) {
      await own(workerId, context);
      await manager().cancel(workerId, `Stopped by ${context.agentId}.`);
    },
    async ofCaller(context) {
      const caller = await runs.get(context.runId);
      const filter =
        caller.kind === 'worker' || context.sessionId === undefined
          ? { parentRunId: context.runId }
          : { sessionId: context.sessionId, agentId: context.agentId };
      return (await runs.list({ ...filter, limit: 100 })).filter((row) => isOwn(row, caller));
    },
    async reachOf(workerId) {
      const row = await runs.find(workerId);
      if (row === undefined || row.template === null) return undefined;
      return { template: row.template, egress: await deps.reach(row.agent_id, specOf(row).egress) };
    },
    report: async (workerId, context) => await outcomeOf(await own(workerId, context), journal),
    async bringTogether(workerIds, context) {
      const rows = await Promise.all([...new Set(workerIds)].map((id) => own(id, context)));
      return await outcomeOfMany(rows, { journal });
    },
    ended: ({ runId, spec }, event) => (event.state === 'asked' ? [] : launcher.end(runId, spec)),
    async endChildren({ runId, spec }) {
      if (spec.kind !== 'worker') return;
      for (const child of await runs.list({ parentRunId: runId, active: true, limit: 500 }))
        await manager().cancel(child.id, 'The worker that started it is over.');
    },
  };
}

/** A worker answers to whoever started it: to its parent, or to the agent in the conversation it was started in. */
function isOwn(row: RunsTable, caller: RunsTable): boolean {
  if (row.kind !== 'worker') return false;
  if (row.parent_run_id === caller.id) return true;
  const sameChat = caller.session_id !== null && row.session_id === caller.session_id;
  return caller.kind !== 'worker' && sameChat && row.agent_id === caller.agent_id && specOf(row).depth <= 1;
}

/** Runs `work` over all of them, at most `atOnce` at a time; the results in the order of the items. */
async function inTurns<T, R>(items: readonly T[], atOnce: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const turn = async (): Promise<void> => {
    for (let n = next++; n < items.length; n = next++) {
      const item = items[n];
      if (item !== undefined) results[n] = await work(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, turn));
  return results;
}

/** Did this very call already answer, in an earlier life of the host? The worker may have asked something else since. */
async function wasDelivered(workerId: string, effectId: string, deps: WorkersDeps): Promise<boolean> {
  const events = await deps.journal.read({ runId: workerId });
  return events.some(({ event }) => {
    const data = event.type === 'effect.finished' ? event.outcome.data : undefined;
    return typeof data === 'object' && data !== null && !Array.isArray(data) && data['answeredBy'] === effectId;
  });
}

function duplicateOutcome(worker: string): ToolOutcome {
  const text = 'A worker with the same template and task is at work already; this is it. Use get_worker_result.';
  const data = { worker, status: 'running', duplicate: true, text, artifacts: [] };
  return { status: 'ok', text: JSON.stringify(data, undefined, 2), data, label: SYSTEM_LABEL };
}

function duplicatesOf(launched: readonly Launched[]): Record<string, string[]> {
  const same = launched.filter((one) => one.duplicate).map((one) => one.id);
  return same.length === 0 ? {} : { already_at_work: [...new Set(same)] };
}
