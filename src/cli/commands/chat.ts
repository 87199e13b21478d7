import type { Command } from '../command.ts';

export const chat: Command = {
  summary: 'Talk to an agent in this terminal. Without a name: the operator.',
  usage: '[agent]',
  flags: [],
  words: [0, 1],
  notes: 'Ctrl-C cancels the running turn, a second one leaves. /help lists what can be typed.',
  run: async (context, args) => {
    const { openChat } = await import('../chat/open-chat.ts');
    return openChat(context, args.words[0]);
  },
};
