import type { Command } from '../command.ts';
import { JSON_FLAG } from '../command.ts';
import { hostOf } from '../connect.ts';

export const dashboard: Command = {
  summary: 'Print a link that signs one browser in to the dashboard, once.',
  usage: '[--json]',
  flags: [JSON_FLAG],
  words: [0, 0],
  run: async (context, args) => {
    const link = await hostOf(context.home).createLoginLink();
    if (args.has('json')) context.print(JSON.stringify(link));
    else context.print(link.url);
    return 0;
  },
};
