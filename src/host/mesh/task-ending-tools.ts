import { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';
import { JsonValue } from '../../protocol/json.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { AnyTool, Tool, ToolContext } from '../tools/tool.ts';
import type { Blackboard } from './blackboard.ts';
import { checkEvidence, Evidence, missingEvidence } from './evidence.ts';
import { wholeKey } from './keys.ts';
import type { TasksTable } from './tables.ts';
import { handAgain } from './task-rework.ts';
import { isOver } from './task-states.ts';
import { taskView } from './task-text.ts';
import type { TaskToolsDeps } from './task-tools.ts';
import { CONTROL, memberOf, refused, told } from './tool-parts.ts';

const TaskRef = z.string().optional().describe('Which one; may be left out while you have only one');
const CompleteInput = z.strictObject({
  task: TaskRef,
  result: z.string().min(1).max(50_000),
  failed: z.boolean().optional().describe('true: it could not be done; result says why'),
  evidence: z.array(Evidence).max(20).default([]),
  promote: z
    .record(z.string(), JsonValue)
    .default({})
    .describe('Keys of the blackboard to write together with the result'),
});
type CompleteInput = z.infer<typeof CompleteInput>;

const StatusInput = z.strictObject({
  task: TaskRef,
  state: z.enum(['working', 'blocked']),
  note: z.string().max(2_000).default('').describe('What you are at; when blocked, what you need from whom'),
});
type StatusInput = z.infer<typeof StatusInput>;

export interface TaskEndingDeps extends TaskToolsDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly blackboard: Blackboard;
}

export function createTaskEndingTools(deps: TaskEndingDeps): AnyTool[] {
  return [updateTool(deps), completeTool(deps), reviewTool(deps), cancelTool(deps)];
}

function updateTool(deps: TaskEndingDeps): Tool<StatusInput> {
  return {
    ...CONTROL,
    name: 'update_status',
    description: 'Says how a task of yours is going. Blocked needs a note; whoever handed it off is told.',
    input: StatusInput,
    async execute({ task, state, note }, context) {
      try {
        const row = await ownTask(task, context, deps);
        if (state === 'blocked' && note.trim() === '')
          throw new HoldfastError('tool.bad-input', 'blocked needs a note: what do you need?');
        if (state === 'blocked') await deps.flow.close(row, { state, text: note, label: context.label });
        else await deps.store.write([deps.tasks.change(row, state, { note, run_id: context.runId })]);
        return told(taskView(await deps.tasks.get(row.id)) as JsonValue);
      } catch (thrown) {
        return refused(thrown, 'Not changed:');
      }
    },
  };
}

function completeTool(deps: TaskEndingDeps): Tool<CompleteInput> {
  return {
    ...CONTROL,
    name: 'complete_task',
    description: 'Closes a task of yours with a result and the evidence it needs; whoever handed it off is told.',
    input: CompleteInput,
    async resources({ promote }, caller) {
      return Object.keys(promote).map(
        (key) => ({ kind: 'blackboard', key: wholeKey(key, caller), act: 'write' }) as const,
      );
    },
    async execute(input, context) {
      try {
        return told(taskView(await complete(input, context, deps)) as JsonValue);
      } catch (thrown) {
        return refused(thrown, 'Not completed:');
      }
    },
  };
}

async function complete(input: CompleteInput, context: ToolContext, deps: TaskEndingDeps): Promise<TasksTable> {
  const row = await ownTask(input.task, context, deps);
  const member = await memberOf(context, deps.agents);
  await checkEvidence(input.evidence, member, deps);
  const missing = input.failed === true ? [] : missingEvidence(row.required, input.evidence);
  if (missing.length > 0) {
    throw new HoldfastError('tool.bad-input', `The task ${row.id} needs evidence of: ${missing.join(', ')}.`, {
      remedy: 'Give it under evidence, or set failed when it cannot be had.',
    });
  }
  const also = Object.entries(input.promote).flatMap(([key, value]) =>
    deps.blackboard.statements({ key: wholeKey(key, member), value, by: context.agentId, label: context.label }),
  );
  const state = input.failed === true ? 'failed' : 'done';
  const ending = { state, text: input.result, label: context.label, evidence: input.evidence, also } as const;
  if (!(await deps.flow.close(row, ending)))
    throw new HoldfastError('conflict', `The task ${row.id} has changed meanwhile.`);
  return await deps.tasks.get(row.id);
}

function reviewTool(deps: TaskEndingDeps): Tool<{ task: string; outcome: string; feedback: string }> {
  return {
    ...CONTROL,
    name: 'review_task',
    description: 'Judges a finished task that you handed off. rework hands it off again with your feedback.',
    input: z.strictObject({
      task: z.string(),
      outcome: z.enum(['accepted', 'acknowledged', 'rejected', 'rework']),
      feedback: z.string().max(2_000).default(''),
    }),
    async execute({ task, outcome, feedback }, context) {
      try {
        const row = await deps.tasks.get(task);
        if (row.creator !== context.agentId)
          throw new HoldfastError('forbidden', `${task} was handed off by ${row.creator}.`);
        if (!isOver(row.state))
          throw new HoldfastError('conflict', `${task} is ${row.state}; only what is over is judged.`);
        await deps.tasks.judge(row, outcome);
        const again = outcome === 'rework' ? await handAgain(row, feedback, { ...deps, context }) : undefined;
        return told({ task, outcome, ...(again === undefined ? {} : { rework: again.id }) });
      } catch (thrown) {
        return refused(thrown, 'Not judged:');
      }
    },
  };
}

function cancelTool(deps: TaskEndingDeps): Tool<{ task: string; reason: string }> {
  return {
    ...CONTROL,
    name: 'cancel_task',
    description: 'Takes back a task that you handed off. Whoever works on it is told to stop.',
    input: z.strictObject({ task: z.string(), reason: z.string().max(2_000).default('') }),
    async execute({ task, reason }, context) {
      try {
        const row = await deps.tasks.get(task);
        if (row.creator !== context.agentId)
          throw new HoldfastError('forbidden', `${task} was handed off by ${row.creator}.`);
        await deps.flow.cancel(row, { text: reason, label: context.label });
        return told({ task, cancelled: true });
      } catch (thrown) {
        return refused(thrown, 'Not cancelled:');
      }
    },
  };
}

/** The task that is meant: the one named, else the run's own, else the only one. */
async function ownTask(id: string | undefined, context: ToolContext, { tasks }: TaskEndingDeps): Promise<TasksTable> {
  if (id !== undefined) {
    const row = await tasks.get(id);
    if (row.assignee === context.agentId) return row;
    throw new HoldfastError('forbidden', `The task ${id} is not yours: it is with ${row.assignee ?? 'nobody'}.`);
  }
  const ofRun = await tasks.ofRun(context.runId);
  const open = ofRun.length > 0 ? ofRun : await tasks.list({ assignee: context.agentId, open: true, limit: 20 });
  const [only, ...others] = open;
  if (only !== undefined && others.length === 0) return only;
  const names = open.map((row) => `${row.id} (${row.summary})`).join('; ');
  throw new HoldfastError(
    'tool.bad-input',
    only === undefined ? 'You have no open task.' : `Which task? You have: ${names}`,
  );
}
