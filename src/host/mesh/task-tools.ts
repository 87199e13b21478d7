import { createHash } from 'node:crypto';
import { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';
import { JsonValue } from '../../protocol/json.ts';
import { joinLabels, type Label, SYSTEM_LABEL } from '../../protocol/label.ts';
import type { Agents } from '../agents/agents.ts';
import { labels } from '../labels/stored-label.ts';
import type { AnyTool, Tool, ToolContext } from '../tools/tool.ts';
import type { Notices } from './notices.ts';
import type { TasksTable } from './tables.ts';
import type { TaskFlow } from './task-flow.ts';
import { EVIDENCE_KINDS } from './task-states.ts';
import { taskView } from './task-text.ts';
import type { Tasks } from './tasks.ts';
import { CONTROL, memberOf, READS, refused, told } from './tool-parts.ts';
import type { MeshWrites } from './writes.ts';

const HandOffInput = z.strictObject({
  to: z.string().max(64).optional().describe('The agent that does it; absent: anybody of the team may claim it'),
  summary: z.string().min(1).max(300),
  brief: z.string().max(6_000).default('').describe('All that it must know; it sees nothing else of this conversation'),
  data: z.record(z.string(), JsonValue).default({}),
  depends_on: z.array(z.string()).max(50).default([]).describe('Tasks that must be done first'),
  evidence: z.array(z.enum(EVIDENCE_KINDS)).max(5).default([]).describe('What it must show to be done'),
  priority: z.number().int().min(0).max(9).default(5),
});
type HandOffInput = z.infer<typeof HandOffInput>;

export interface TaskToolsDeps {
  readonly tasks: Tasks;
  readonly flow: TaskFlow;
  readonly notices: Notices;
  readonly writes: MeshWrites;
  readonly agents: Pick<Agents, 'get' | 'active'>;
}

export function createTaskTools(deps: TaskToolsDeps): AnyTool[] {
  return [handOffTool(deps), checkInboxTool(deps), claimTool(deps)];
}

function handOffTool(deps: TaskToolsDeps): Tool<HandOffInput> {
  return {
    ...CONTROL,
    name: 'hand_off',
    description:
      'Hands a piece of work to another agent and goes on; you are told when it is over. It wakes for it as soon as what it depends on is done.',
    input: HandOffInput,
    async resources({ to }) {
      if (to === undefined) return [];
      const agent = await deps.agents.get(to);
      return [{ kind: 'agent', id: to, act: 'task', ...(agent.team === null ? {} : { team: agent.team }) }];
    },
    async execute(input, context) {
      try {
        return told({ handed_off: true, ...taskView(await handOff(input, context, deps)) } as JsonValue);
      } catch (thrown) {
        return refused(thrown, 'handed_off: false. Nobody works on this.');
      }
    },
  };
}

async function handOff(input: HandOffInput, context: ToolContext, deps: TaskToolsDeps): Promise<TasksTable> {
  const { tasks, flow, agents, writes } = deps;
  const id = taskIdOf(context.effectId);
  const known = await tasks.find(id);
  if (known === undefined) {
    const creator = await agents.get(context.agentId);
    const target = input.to === undefined ? undefined : await agents.active(input.to);
    if (target?.id === creator.id)
      throw new HoldfastError('tool.bad-input', 'That is yourself: do it, or name another agent.');
    const [current] = await tasks.ofRun(context.runId);
    const { row: _row, statements } = await tasks.prepare(
      {
        team: target?.team ?? creator.team ?? undefined,
        creator: creator.id,
        assignee: target?.id,
        summary: input.summary,
        brief: input.brief,
        data: input.data,
        label: context.label,
        priority: input.priority,
        parentId: current?.id,
        dependsOn: input.depends_on,
        required: input.evidence,
        principal: context.principal,
        sessionId: context.sessionId,
      },
      id,
    );
    await writes.once(context.effectId, statements);
  }
  await flow.start(await tasks.get(id));
  return await tasks.get(id);
}

/** One effect hands one task off, however often it is run. */
const taskIdOf = (effectId: string): string =>
  `tsk_${createHash('sha256').update(`task:${effectId}`).digest('hex').slice(0, 32)}`;

function checkInboxTool({ tasks, notices, agents }: TaskToolsDeps): Tool<object> {
  return {
    ...READS,
    name: 'check_inbox',
    description:
      'Your open tasks, open tasks of your team that nobody has, tasks you handed off, and news you have not seen.',
    input: z.strictObject({}),
    idempotent: false,
    async execute(_input, context) {
      const { agentId } = context;
      const { team } = await memberOf(context, agents);
      const [mine, handedOff, free, news] = await Promise.all([
        tasks.list({ assignee: agentId, open: true, limit: 50 }),
        tasks.list({ creator: agentId, open: true, limit: 50 }),
        team === undefined ? [] : tasks.list({ team, open: true, limit: 200 }),
        notices.take(agentId),
      ]);
      const unclaimed = free.filter((task) => task.assignee === null);
      const label = [...mine, ...handedOff, ...unclaimed, ...news].reduce<Label>(
        (joined, row) => joinLabels(joined, labels.rejoin(row.label)),
        SYSTEM_LABEL,
      );
      const data = {
        tasks: mine.map(taskView),
        unclaimed: unclaimed.map(taskView),
        handed_off: handedOff.map(taskView),
        news: news.map(({ text, created_at }) => ({ text, at: created_at })),
      };
      return told(JSON.parse(JSON.stringify(data)) as JsonValue, label);
    },
  };
}

function claimTool({ tasks, agents }: TaskToolsDeps): Tool<{ task?: string | undefined }> {
  return {
    ...CONTROL,
    name: 'claim_task',
    description:
      'Takes an open task of your team that nobody has: the one you name, else the most urgent. One of many wins.',
    input: z.strictObject({ task: z.string().optional() }),
    idempotent: false,
    async execute({ task }, context) {
      try {
        const { team } = await memberOf(context, agents);
        const row = task === undefined ? await nextOpen(team, tasks) : await tasks.get(task);
        if (row === undefined) return told({ claimed: false, reason: 'No task of your team is open and unclaimed.' });
        if (row.team !== (team ?? null)) return refused(new Error('It belongs to another team.'), 'claimed: false.');
        const claimed = await tasks.claim(row, context.agentId);
        await tasks.bind(claimed, context.runId);
        return told({ claimed: true, ...taskView(claimed) } as JsonValue, labels.rejoin(claimed.label));
      } catch (thrown) {
        return refused(thrown, 'claimed: false.');
      }
    },
  };
}

async function nextOpen(team: string | undefined, tasks: Tasks): Promise<TasksTable | undefined> {
  if (team === undefined) return undefined;
  for (const row of await tasks.list({ team, open: true, limit: 200 }))
    if (row.assignee === null && (await tasks.waitsFor(row.id)).length === 0) return row;
  return undefined;
}
