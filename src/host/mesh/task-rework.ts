import { createHash } from 'node:crypto';
import type { JsonValue } from '../../protocol/json.ts';
import { joinLabels } from '../../protocol/label.ts';
import { labels } from '../labels/stored-label.ts';
import type { ToolContext } from '../tools/tool.ts';
import type { TasksTable } from './tables.ts';
import type { TaskToolsDeps } from './task-tools.ts';

/** The same work once more, with what was wrong with it: a task of its own below the first. */
export async function handAgain(
  row: TasksTable,
  feedback: string,
  { tasks, flow, writes, context }: TaskToolsDeps & { readonly context: ToolContext },
): Promise<TasksTable> {
  const id = `tsk_${createHash('sha256').update(`rework:${context.effectId}`).digest('hex').slice(0, 32)}`;
  const { statements } = await tasks.prepare(
    {
      team: row.team ?? undefined,
      creator: row.creator,
      assignee: row.assignee ?? undefined,
      summary: row.summary,
      brief: `${row.brief}\n\nYour earlier result was:\n${(row.result ?? row.note).slice(0, 4_000)}\n\nWhat must be better:\n${feedback}`,
      data: JSON.parse(row.data) as JsonValue,
      label: joinLabels(labels.rejoin(row.label), context.label),
      priority: row.priority,
      parentId: row.parent_id ?? undefined,
      dependsOn: [],
      required: JSON.parse(row.required) as string[],
      principal: row.principal,
      sessionId: context.sessionId,
    },
    id,
  );
  await writes.once(context.effectId, statements);
  await flow.start(await tasks.get(id));
  return await tasks.get(id);
}
