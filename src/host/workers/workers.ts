import { type CompiledFloor, placesWithin } from '../../policy/floor.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { ErrorInfo } from '../../protocol/event.ts';
import type { Label } from '../../protocol/label.ts';
import { RunResult } from '../../protocol/run.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import type { Store } from '../../storage/store.ts';
import type { Journal } from '../journal/journal.ts';
import type { Fields } from '../quarantine/fields.ts';
import { childRunId } from '../runs/hashes.ts';
import { foldEvents } from '../runs/progress.ts';
import type { RunManager } from '../runs/run-manager.ts';
import { type RunStore, specOf } from '../runs/run-store.ts';
import type { RunsTable } from '../runs/tables.ts';
import type { ToolCaller, ToolContext } from '../tools/tool.ts';
import { type AllowedPath, resolveFolders } from './folders.ts';
import type { WorkerTemplate } from './templates.ts';
import { resultData, resultLabel, type WorkerEnd } from './worker-result.ts';
import { type WorkerTask, workerPermissions, workerSpec } from './worker-spec.ts';

/**
 * Starts workers for a run and brings back what became of them. A worker is a run of its own, whose id follows from the
 * effect that started it: doing it again after a crash finds the same worker instead of starting a second one.
 */
export interface Workers {
  readonly templates: readonly WorkerTemplate[];
  spawn(
    task: WorkerTask & { allowed_paths?: readonly AllowedPath[] | undefined },
    context: ToolContext,
  ): Promise<ToolOutcome>;
  answer(workerId: string, text: string, context: ToolContext): Promise<ToolOutcome>;
  stop(workerId: string, context: ToolContext): Promise<void>;
  /** Workers that this agent started in this session, newest first. */
  ofSession(context: ToolContext): Promise<RunsTable[]>;
  /** The template of a worker and what it reaches: whatever is said to it may leave there. */
  reachOf(workerId: string): Promise<{ template: string; egress: readonly string[] } | undefined>;
  /** The state of one worker, in the form the model reads. */
  report(workerId: string, context: ToolContext): Promise<ToolOutcome>;
}

export interface WorkersDeps {
  readonly store: Store;
  readonly runs: RunStore;
  readonly manager: () => RunManager;
  readonly journal: Journal;
  readonly templates: readonly WorkerTemplate[];
  readonly reach: Reach;
  readonly places: Places;
  readonly userHome: string;
}

/** What a template's sandbox may ask for when this caller starts it. */
export type Places = (template: WorkerTemplate, caller: ToolCaller) => readonly string[];

/** Bounded by what template and caller may do together, and by the floor. */
export function createPlaces(floor: CompiledFloor): Places {
  return (template, { agentId, permissions }) => {
    const { allowed_egress } = workerPermissions(template, permissions);
    return placesWithin(floor, agentId, allowed_egress ?? template.egress ?? []);
  };
}

/** What a template's sandbox reaches for this agent, as text for people. */
export type Reach = (agentId: string, places: readonly string[] | undefined) => Promise<readonly string[]>;

export function createWorkers(deps: WorkersDeps): Workers {
  const outcomeOf = async (row: RunsTable): Promise<ToolOutcome> => toOutcome(row, await labelOf(row.id, deps));

  const settled = async (id: string, signal: AbortSignal): Promise<ToolOutcome> =>
    outcomeOf(await deps.manager().settled(id, signal));

  /** A worker of the caller's own session; anyone else's is not found. */
  const own = async (id: string, context: ToolContext): Promise<RunsTable> => {
    const row = await deps.runs.find(id);
    const mine =
      row?.kind === 'worker' && row.agent_id === context.agentId && row.session_id === (context.sessionId ?? null);
    if (row === undefined || !mine)
      throw new HoldfastError('tool.bad-input', `There is no worker ${id} here.`, { remedy: 'Use list_workers.' });
    return row;
  };

  const create = async (id: string, task: Parameters<Workers['spawn']>[0], context: ToolContext): Promise<void> => {
    const parent = await deps.runs.get(context.runId);
    const folders = await resolveFolders(task.allowed_paths ?? [], deps.userHome);
    const template = deps.templates.find((known) => known.id === task.template);
    const parentSpec = specOf(parent);
    const places = template === undefined ? [] : deps.places(template, parentSpec);
    const spec = workerSpec(task, {
      parent: { runId: parent.id, spec: parentSpec, label: context.label },
      templates: deps.templates,
      folders,
      places,
      reach: await deps.reach(context.agentId, places),
    });
    await deps.store.write([deps.manager().create(spec, id).statement]);
  };

  return {
    templates: deps.templates,
    async spawn(task, context) {
      const id = childRunId(context.effectId);
      if ((await deps.runs.find(id)) === undefined) await create(id, task, context);
      const row = await deps.runs.get(id);
      if (row.finished_at === null && row.state !== 'asked') deps.manager().start(id);
      return task.background === true ? await outcomeOf(row) : await settled(id, context.signal);
    },
    async answer(workerId, text, context) {
      const row = await own(workerId, context);
      const delivered = await wasDelivered(workerId, context.effectId, deps);
      if (row.state === 'asked' && !delivered) {
        const data = { answeredBy: context.effectId };
        const outcome: ToolOutcome = { status: 'ok', text, label: context.label, data };
        await deps.manager().answer(workerId, { outcome, durationMs: 0 });
      } else if (row.finished_at === null && row.state !== 'asked') deps.manager().start(workerId);
      // A background worker tells its session itself; waiting here too would tell its result twice.
      if (specOf(row).background) return await outcomeOf(await deps.runs.get(workerId));
      return await settled(workerId, context.signal);
    },
    async stop(workerId, context) {
      await own(workerId, context);
      await deps.manager().cancel(workerId, `Stopped by ${context.agentId}.`);
    },
    async ofSession(context) {
      const all = await deps.runs.list({ sessionId: context.sessionId, agentId: context.agentId, limit: 100 });
      return all.filter((row) => row.kind === 'worker' && row.session_id === (context.sessionId ?? null));
    },
    async reachOf(workerId) {
      const row = await deps.runs.find(workerId);
      if (row === undefined || row.template === null) return undefined;
      const egress = await deps.reach(row.agent_id, specOf(row).egress);
      return { template: row.template, egress };
    },
    report: async (workerId, context) => outcomeOf(await own(workerId, context)),
  };
}

/** Did this very call already answer, in an earlier life of the host? The worker may have asked something else since. */
async function wasDelivered(workerId: string, effectId: string, deps: WorkersDeps): Promise<boolean> {
  const events = await deps.journal.read({ runId: workerId });
  return events.some(({ event }) => {
    const data = event.type === 'effect.finished' ? event.outcome.data : undefined;
    return typeof data === 'object' && data !== null && !Array.isArray(data) && data['answeredBy'] === effectId;
  });
}

async function labelOf(runId: string, deps: Pick<WorkersDeps, 'journal'>): Promise<Label> {
  const events = await deps.journal.read({ runId });
  return foldEvents(events.map((stored) => stored.event)).label;
}

/** What became of a worker as the model reads it: JSON `{ worker, status, text or fields, artifacts }`. */
export function describeResult(runId: string, end: WorkerEnd, fields: Fields | undefined): string {
  return JSON.stringify(resultData(runId, end, fields), undefined, 2);
}

function toOutcome(row: RunsTable, label: Label): ToolOutcome {
  const settled = row.finished_at !== null || row.state === 'asked';
  if (!settled || row.result === null) {
    const data = { worker: row.id, status: 'running', text: '', artifacts: [] };
    return { status: 'ok', text: JSON.stringify(data, undefined, 2), data, label };
  }
  const end: WorkerEnd = {
    result: RunResult.parse(JSON.parse(row.result)),
    error: row.error === null ? undefined : ErrorInfo.parse(JSON.parse(row.error)),
  };
  const { resultFields } = specOf(row);
  const data = resultData(row.id, end, resultFields);
  const status = data.status === 'error' ? 'error' : 'ok';
  return { status, text: JSON.stringify(data, undefined, 2), data, label: resultLabel(label, end, resultFields) };
}
