import type { TasksTable } from './tables.ts';

/** What an agent reads when a task is handed to it. */
export function assignmentText(task: TasksTable): string {
  const required = JSON.parse(task.required) as string[];
  return [
    `[Holdfast] Task ${task.id} from ${task.creator}: ${task.summary}`,
    ...(task.brief === '' ? [] : ['', task.brief]),
    ...(task.data === 'null' || task.data === '{}' ? [] : ['', `Data:\n${task.data}`]),
    '',
    required.length === 0
      ? 'Your answer closes the task as done. Use complete_task to give a result of its own, update_status when you are blocked.'
      : `It is done only with evidence of: ${required.join(', ')}. Give it with complete_task.`,
  ].join('\n');
}

/** What the creator reads when it is over. */
export function outcomeText(task: TasksTable, state: string, text: string): string {
  const words: Readonly<Record<string, string>> = { done: 'is done', failed: 'failed', cancelled: 'was cancelled' };
  const who = task.assignee ?? 'nobody';
  return `[Holdfast] Task ${task.id} (${task.summary}), handed to ${who}, ${words[state] ?? `is ${state}`}.${text === '' ? '' : `\n\n${text}`}`;
}

/** What tools and the API show of a task. */
export function taskView(task: TasksTable) {
  return {
    task: task.id,
    state: task.state,
    from: task.creator,
    to: task.assignee,
    summary: task.summary,
    brief: task.brief,
    data: JSON.parse(task.data) as unknown,
    evidence_needed: JSON.parse(task.required) as string[],
    evidence: JSON.parse(task.evidence) as unknown,
    note: task.note,
    result: task.result,
    outcome: task.outcome,
    parent: task.parent_id,
    priority: task.priority,
    created_at: task.created_at,
    finished_at: task.finished_at,
  };
}
