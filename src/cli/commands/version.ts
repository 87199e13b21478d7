import { VERSION } from '../../base/version.ts';
import type { Command } from '../command.ts';

export const version: Command = {
  summary: 'Print the version.',
  usage: '',
  flags: [],
  words: [0, 0],
  run: async (context) => {
    context.print(VERSION);
    return 0;
  },
};
