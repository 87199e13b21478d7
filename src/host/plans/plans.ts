import type { Clock } from '../../base/clock.ts';
import { uuidv7 } from '../../base/id.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { EventOf } from '../../protocol/event.ts';
import { ENDED_PLANS, MOST_STEPS, PLAN_STATES, PlanStep, type PlanView, planState } from '../../protocol/plan.ts';
import { readAll, readOne, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { Journal } from '../journal/journal.ts';
import type { RunStore } from '../runs/run-store.ts';
import type { RunWriter } from '../runs/run-writer.ts';
import { reportText, rowReport } from '../workers/results.ts';
import type { PlansTable } from './tables.ts';

/**
 * What an agent means to do, step by step, as a row that outlives its runs and the host. Each change is guarded by the
 * revision it was made from and journaled. The end of a worker closes its step in the very unit that ends the worker.
 */
export interface Plans {
  create(plan: NewPlan): Promise<PlanView>;
  get(id: string, agentId: string): Promise<PlanView>;
  /** Newest first. Without an agent: everybody's. */
  list(filter: { agentId?: string | undefined; open?: boolean; limit: number }): Promise<PlanView[]>;
  /** Throws `conflict` for a step whose time has not come. */
  update(id: string, agentId: string, change: StepChange): Promise<PlanView>;
  /** Only after a person said yes. */
  approve(id: string, agentId: string, step: number): Promise<PlanView>;
  /** Ends it; what is under way goes on. */
  cancel(id: string, agentId: string): Promise<PlanView>;
  /** Closes steps whose worker is over and that no unit has closed. */
  reconcile(): Promise<void>;
  /** For the unit that ends a worker. */
  workerEnded(writer: RunWriter, event: EventOf<'run.finished'>): Promise<Statement[]>;
}

export interface NewPlan {
  readonly agentId: string;
  readonly sessionId: string | undefined;
  readonly title: string;
  readonly steps: readonly Pick<PlanStep, 'kind' | 'title'>[];
}

export interface StepChange {
  /** Counted from 1. */
  readonly step: number;
  readonly state: PlanStep['state'];
  readonly worker?: string | undefined;
  readonly result?: string | undefined;
}

export interface PlansDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly runs: RunStore;
}

const LONGEST_RESULT = 4_000;

export function createPlans(deps: PlansDeps): Plans {
  const { store, sql, clock, journal } = deps;
  const rows = () => sql.selectFrom('plans').selectAll();
  const get: Plans['get'] = async (id, agentId) => {
    const row = await readOne(store, rows().where('id', '=', id).where('agent_id', '=', agentId));
    if (row === undefined)
      throw new HoldfastError('not-found', `There is no plan ${id} of ${agentId}.`, { remedy: 'Use plan_status.' });
    return toView(row);
  };

  const changed = (plan: PlanView): { plan: PlanView; statement: Statement; event: PlanEvent } => {
    const next = { ...plan, revision: plan.revision + 1, updatedAt: clock.now() };
    const update = sql
      .updateTable('plans')
      .set({
        state: next.state,
        steps: JSON.stringify(next.steps),
        revision: next.revision,
        updated_at: next.updatedAt,
      })
      .where('id', '=', plan.id)
      .where('revision', '=', plan.revision);
    return { plan: next, statement: toStatement(update, { expectRows: 1 }), event: eventOf(next) };
  };

  const save = async (plan: PlanView): Promise<PlanView> => {
    const made = changed(plan);
    try {
      await journal.append([made.event], [made.statement]);
    } catch (thrown) {
      if (HoldfastError.from(thrown).code !== 'storage.guard-failed') throw thrown;
      const remedy = 'Look at it again with plan_status.';
      throw new HoldfastError('conflict', `The plan ${plan.id} was changed meanwhile.`, { remedy, cause: thrown });
    }
    return made.plan;
  };

  const withStep = (plan: PlanView, n: number, step: PlanStep): PlanView => {
    const steps = plan.steps.map((one, index) => (index === n - 1 ? step : one));
    return { ...plan, steps, state: planState(steps) };
  };

  return {
    get,
    async create(wanted) {
      const plan = newPlan(wanted, clock.now());
      await journal.append([eventOf(plan)], [toStatement(sql.insertInto('plans').values(toRow(plan)))]);
      return plan;
    },
    async list({ agentId, open, limit }) {
      let query = rows().orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit);
      if (agentId !== undefined) query = query.where('agent_id', '=', agentId);
      if (open === true) query = query.where('state', 'not in', [...ENDED_PLANS]);
      return (await readAll(store, query)).map(toView);
    },
    async update(id, agentId, change) {
      const plan = await get(id, agentId);
      const step = stepOf(plan, change.step);
      mustBeIts(plan, change, step);
      const { worker, result } = change;
      const next: PlanStep = {
        ...step,
        state: change.state,
        ...(worker === undefined ? {} : { worker }),
        ...(result === undefined ? {} : { result: result.slice(0, LONGEST_RESULT) }),
      };
      return await save(withStep(plan, change.step, next));
    },
    async approve(id, agentId, n) {
      const plan = await get(id, agentId);
      const step = stepOf(plan, n);
      if (step.kind !== 'approval') throw new HoldfastError('tool.bad-input', `Step ${n} is no approval.`);
      return await save(withStep(plan, n, { ...step, state: 'done', result: 'approved by a person' }));
    },
    cancel: async (id, agentId) => await save({ ...(await get(id, agentId)), state: 'cancelled' }),
    async reconcile() {
      const open = (await readAll(store, rows().where('state', 'not in', [...ENDED_PLANS]))).map(toView);
      for (const plan of open) {
        const closed = await closedStep(plan, deps.runs);
        // Whoever was faster knows as much.
        if (closed !== undefined) await save(withStep(plan, closed.n, closed.step)).catch(() => {});
      }
    },
    async workerEnded({ runId, spec }, event) {
      if (spec.kind !== 'worker' || event.state === 'asked') return [];
      const open = rows()
        .where('agent_id', '=', spec.agentId)
        .where('state', 'not in', [...ENDED_PLANS]);
      const plans = (await readAll(store, open)).map(toView);
      for (const plan of plans) {
        const n = plan.steps.findIndex((step) => step.worker === runId && isUnderWay(step));
        const step = plan.steps[n];
        if (step === undefined) continue;
        const state = event.state === 'done' ? 'done' : 'failed';
        const result = (event.error?.message ?? event.result.text).slice(0, LONGEST_RESULT);
        // Without a guard: that a plan changes must never keep a worker from ending.
        const { statement } = changed(withStep(plan, n + 1, { ...step, state, result }));
        return [{ sql: statement.sql, parameters: statement.parameters }];
      }
      return [];
    },
  };
}

function newPlan({ agentId, sessionId, title, steps }: NewPlan, at: number): PlanView {
  if (steps.length > MOST_STEPS) throw new HoldfastError('tool.bad-input', `A plan has at most ${MOST_STEPS} steps.`);
  const all = steps.map((step): PlanStep => ({ ...step, state: 'pending' }));
  return {
    ...{ id: `plan_${uuidv7()}`, agentId, sessionId: sessionId ?? null, title },
    ...{ state: planState(all), steps: all, revision: 1, createdAt: at, updatedAt: at },
  };
}

type PlanEvent = Parameters<Journal['append']>[0][number];

const isUnderWay = (step: PlanStep): boolean => step.state === 'running' || step.state === 'waiting';

/** The first step of a plan whose worker is over, as its end leaves it. */
async function closedStep(plan: PlanView, runs: RunStore): Promise<{ n: number; step: PlanStep } | undefined> {
  for (const [index, step] of plan.steps.entries()) {
    const row = step.worker !== undefined && isUnderWay(step) ? await runs.find(step.worker) : undefined;
    if (row === undefined || row.finished_at === null) continue;
    const report = rowReport(row);
    const state = report.status === 'result' ? 'done' : 'failed';
    return { n: index + 1, step: { ...step, state, result: reportText(report).slice(0, LONGEST_RESULT) } };
  }
  return undefined;
}

function stepOf(plan: PlanView, n: number): PlanStep {
  const step = plan.steps[n - 1];
  if (step === undefined) throw new HoldfastError('tool.bad-input', `The plan ${plan.id} has no step ${n}.`);
  if (ENDED_PLANS.includes(plan.state)) throw new HoldfastError('conflict', `The plan ${plan.id} is ${plan.state}.`);
  return step;
}

/** A model may not say yes in a person's place, nor go past a question that is open, nor end with steps left. */
function mustBeIts(plan: PlanView, { step: n, state }: StepChange, step: PlanStep): void {
  if (step.kind === 'approval' && (state === 'done' || state === 'skipped')) {
    throw new HoldfastError('conflict', `Step ${n} is a person's to approve.`, { remedy: 'Use plan_approve.' });
  }
  const begins = state === 'running' || state === 'waiting' || state === 'done';
  const before = plan.steps.slice(0, n - 1);
  const closed = before.findIndex((one) => one.kind === 'approval' && one.state !== 'done');
  if (begins && closed >= 0) {
    throw new HoldfastError('conflict', `Step ${n} waits for the approval of step ${closed + 1}.`, {
      remedy: 'Use plan_approve for that step first.',
    });
  }
  const left = before.findIndex((one) => one.state !== 'done' && one.state !== 'skipped');
  if (step.kind === 'final' && begins && left >= 0) {
    throw new HoldfastError('conflict', `The final step waits for step ${left + 1}, which is ${before[left]?.state}.`, {
      remedy: 'Do that step, or say that it is skipped and why.',
    });
  }
}

function eventOf(plan: PlanView): PlanEvent {
  const done = plan.steps.filter((step) => step.state === 'done' || step.state === 'skipped').length;
  return {
    agentId: plan.agentId,
    sessionId: plan.sessionId ?? undefined,
    event: {
      type: 'plan.changed',
      planId: plan.id,
      title: plan.title,
      state: plan.state,
      done,
      steps: plan.steps.length,
    },
  };
}

function toView(row: PlansTable): PlanView {
  return {
    id: row.id,
    agentId: row.agent_id,
    sessionId: row.session_id,
    title: row.title,
    state: PLAN_STATES.find((state) => state === row.state) ?? 'blocked',
    steps: PlanStep.array().parse(JSON.parse(row.steps)),
    revision: row.revision,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function toRow(plan: PlanView): PlansTable {
  return {
    id: plan.id,
    agent_id: plan.agentId,
    session_id: plan.sessionId,
    title: plan.title,
    state: plan.state,
    steps: JSON.stringify(plan.steps),
    revision: plan.revision,
    created_at: plan.createdAt,
    updated_at: plan.updatedAt,
  };
}
