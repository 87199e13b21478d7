import { z } from 'zod';
import type { Clock } from '../../base/clock.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import { MOST_STEPS, type PlanView, STEP_KINDS, STEP_STATES } from '../../protocol/plan.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import type { Journal } from '../journal/journal.ts';
import type { RunStore } from '../runs/run-store.ts';
import type { AnyTool, Tool } from '../tools/tool.ts';
import { labelOf } from '../workers/results.ts';
import type { Plans, StepChange } from './plans.ts';
import type { SelfQueue } from './self-queue.ts';

const CONTROL = { risk: 'control', idempotent: false, parallel: false } as const;
const PlanRef = z.strictObject({ plan: z.string().min(1) });
const StepNumber = z.number().int().min(1).max(MOST_STEPS).describe('Counted from 1');

export interface PlanToolsDeps {
  readonly plans: Plans;
  readonly selfQueue: SelfQueue;
  readonly runs: RunStore;
  readonly journal: Journal;
  readonly clock: Clock;
}

export function createPlanTools(deps: PlanToolsDeps): AnyTool[] {
  return [
    createTool(deps),
    updateTool(deps),
    approveTool(deps),
    statusTool(deps),
    cancelTool(deps),
    ...queueTools(deps),
  ];
}

function createTool({
  plans,
}: PlanToolsDeps): Tool<{ title: string; steps: { kind: (typeof STEP_KINDS)[number]; title: string }[] }> {
  return {
    ...CONTROL,
    name: 'plan_create',
    description:
      'Writes down a plan that outlives this conversation turn and a restart. Kinds of steps: operator (you), worker, approval (a person must say yes before anything after it), input (a person must tell you something), final.',
    input: z.strictObject({
      title: z.string().min(1).max(200),
      steps: z
        .array(z.strictObject({ kind: z.enum(STEP_KINDS), title: z.string().min(1).max(500) }))
        .min(1)
        .max(MOST_STEPS),
    }),
    async execute({ title, steps }, { agentId, sessionId }) {
      return shown(await plans.create({ agentId, sessionId, title, steps }));
    },
  };
}

function updateTool({ plans, runs }: PlanToolsDeps): Tool<{ plan: string } & StepChange> {
  return {
    ...CONTROL,
    name: 'plan_update',
    description:
      'Says how a step of your plan stands. With the id of a background worker, its end closes the step by itself.',
    input: PlanRef.extend({
      step: StepNumber,
      state: z.enum(STEP_STATES),
      worker: z.string().optional(),
      result: z.string().max(4_000).optional(),
    }),
    async execute({ plan, ...change }, { agentId }) {
      const row = change.worker === undefined ? undefined : await runs.find(change.worker);
      if (change.worker !== undefined && row?.agent_id !== agentId)
        return problem(`There is no worker ${change.worker}.`);
      await plans.update(plan, agentId, change);
      // The worker may have been faster than this note.
      if (change.worker !== undefined) await plans.reconcile();
      return shown(await plans.get(plan, agentId));
    },
  };
}

function approveTool({ plans }: PlanToolsDeps): Tool<{ plan: string; step: number }> {
  return {
    ...CONTROL,
    name: 'plan_approve',
    description: 'Asks the owner to approve an approval step of your plan, and waits for the answer.',
    input: PlanRef.extend({ step: StepNumber }),
    async resources({ plan, step }, { agentId }) {
      const view = await plans.get(plan, agentId);
      const title = view.steps[step - 1]?.title ?? '';
      return [{ kind: 'fleet', act: 'plan.approve', target: `“${view.title}”, step ${step}: ${title}`, widens: true }];
    },
    async execute({ plan, step }, { agentId }) {
      return shown(await plans.approve(plan, agentId, step));
    },
  };
}

function statusTool({ plans }: PlanToolsDeps): Tool<{ plan?: string | undefined }> {
  return {
    ...CONTROL,
    idempotent: true,
    parallel: true,
    name: 'plan_status',
    description: 'One plan of yours with its steps, or all that are not over.',
    input: z.strictObject({ plan: z.string().min(1).optional() }),
    async execute({ plan }, { agentId }) {
      if (plan !== undefined) return shown(await plans.get(plan, agentId));
      return json((await plans.list({ agentId, open: true, limit: 20 })).map(brief));
    },
  };
}

function cancelTool({ plans }: PlanToolsDeps): Tool<{ plan: string }> {
  return {
    ...CONTROL,
    deferred: true,
    name: 'plan_cancel',
    description: 'Gives a plan up. Workers that are under way go on.',
    input: PlanRef,
    execute: async ({ plan }, { agentId }) => shown(await plans.cancel(plan, agentId)),
  };
}

function queueTools({ selfQueue, journal, clock }: PlanToolsDeps): AnyTool[] {
  const add: Tool<{ text: string; in_minutes: number }> = {
    ...CONTROL,
    name: 'self_queue_add',
    description: 'A note to yourself, delivered into this conversation when it is due, so that you can follow up.',
    input: z.strictObject({
      text: z.string().min(1).max(4_000),
      in_minutes: z.number().min(1).max(43_200).describe('At most 30 days'),
    }),
    async execute({ text, in_minutes }, { agentId, sessionId, label }) {
      if (sessionId === undefined) return problem('There is no conversation to deliver it into.');
      const dueAt = clock.now() + Math.round(in_minutes * 60_000);
      const row = await selfQueue.add({ agentId, sessionId, text, dueAt, label });
      return json({ note: row.id, due: new Date(dueAt).toISOString() });
    },
  };
  const list: Tool<Record<string, never>> = {
    ...CONTROL,
    idempotent: true,
    parallel: true,
    deferred: true,
    name: 'self_queue_list',
    description: 'Your notes to yourself that are not delivered yet.',
    input: z.strictObject({}),
    async execute(_input, { agentId, runId }) {
      const rows = await selfQueue.open(agentId);
      const notes = rows.map((row) => ({ note: row.id, due: new Date(row.due_at).toISOString(), text: row.text }));
      return { ...json(notes), label: await labelOf(runId, journal) };
    },
  };
  const remove: Tool<{ note: string }> = {
    ...CONTROL,
    deferred: true,
    name: 'self_queue_remove',
    description: 'Takes back a note to yourself.',
    input: z.strictObject({ note: z.string().min(1) }),
    async execute({ note }, { agentId }) {
      await selfQueue.remove(note, agentId);
      return json({ removed: note });
    },
  };
  return [add, list, remove];
}

const brief = ({ id, title, state, steps }: PlanView): JsonValue => ({
  plan: id,
  title,
  state,
  steps: steps.map((step, n) => ({ n: n + 1, ...step })) as JsonValue[],
});

const shown = (plan: PlanView): ToolOutcome => json(brief(plan));

function json(data: JsonValue): ToolOutcome {
  return { status: 'ok', text: JSON.stringify(data, undefined, 2), data, label: SYSTEM_LABEL };
}

const problem = (text: string): ToolOutcome => ({ status: 'error', text, label: SYSTEM_LABEL });
