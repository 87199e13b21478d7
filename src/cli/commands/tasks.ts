import { HoldfastError } from '../../protocol/error.ts';
import type { TaskView } from '../../protocol/mesh.ts';
import type { Command } from '../command.ts';
import { JSON_FLAG } from '../command.ts';
import { hostOf } from '../connect.ts';
import { oneLine } from '../render/plain-text.ts';
import { table } from '../render/table.ts';

const USAGE = '[list] [--agent NAME] [--all] | cancel <id> [reason]';

export const tasks: Command = {
  summary: 'Work that agents handed to each other: list it, take it back.',
  usage: USAGE,
  flags: [
    { name: 'agent', value: 'NAME', help: 'only what this agent works on' },
    { name: 'all', help: 'what is over, too' },
    JSON_FLAG,
  ],
  words: [0, 3],
  run: async (context, args) => {
    const { TaskView } = await import('../../protocol/mesh.ts');
    const host = hostOf(context.home);
    const [verb = 'list', id, reason = ''] = args.words;
    if (verb === 'cancel' && id !== undefined) {
      const path = `/api/tasks/${encodeURIComponent(id)}/cancel`;
      const task = await host.ask(TaskView, { method: 'POST', path, body: { reason } });
      context.print(args.has('json') ? JSON.stringify(task) : `${task.id} is ${task.state}.`);
      return 0;
    }
    if (verb !== 'list') {
      throw new HoldfastError('bad-request', `tasks has no "${args.words.join(' ')}"`, {
        remedy: `Usage: holdfast tasks ${USAGE}`,
      });
    }
    const agent = args.text('agent');
    const query = new URLSearchParams({
      ...(agent === undefined ? {} : { assignee: agent }),
      ...(args.has('all') ? {} : { open: 'true' }),
    });
    const found = await host.ask(TaskView.array(), { method: 'GET', path: `/api/tasks?${query}` });
    if (args.has('json')) context.print(JSON.stringify(found));
    else if (found.length === 0) context.print('No task is open.');
    else for (const line of table(found.map(row))) context.print(line);
    return 0;
  },
};

const row = (task: TaskView): string[] => [
  task.id,
  task.state,
  `${task.creator} → ${task.assignee ?? 'anybody'}`,
  oneLine(task.summary, 60),
  oneLine(task.note, 60),
];
