import type { MessageView } from '../../protocol/api.ts';
import type { Command } from '../command.ts';
import { JSON_FLAG } from '../command.ts';
import { hostOf } from '../connect.ts';
import { plainText } from '../render/plain-text.ts';

const LOOK_MS = 30_000;

export const broadcast: Command = {
  summary: 'Say the same to several agents and print each answer as it comes.',
  usage: '"text" [agent …]',
  flags: [JSON_FLAG],
  words: [1, 200],
  notes: 'Without names: all active agents but the operator. The exit code is 1 when one of them could not answer.',
  run: async (context, args) => {
    const { MessageView } = await import('../../protocol/api.ts');
    const host = hostOf(context.home);
    const [text = '', ...agents] = args.words;
    const body = { text, ...(agents.length === 0 ? {} : { agents }) };
    const sent = await host.ask(MessageView.array(), { method: 'POST', path: '/api/broadcast', body });
    const follow = async (message: MessageView): Promise<boolean> => {
      let view = message;
      while (view.finishedAt === null) view = await host.message(view.id, { waitMs: LOOK_MS, signal: context.signal });
      context.print(args.has('json') ? JSON.stringify(view) : `${context.paint.cyan(view.agentId)} ${said(view)}`);
      return view.state === 'answered';
    };
    const ends = await Promise.all(sent.map(follow));
    return ends.every(Boolean) ? 0 : 1;
  },
};

const said = (view: MessageView): string => plainText(view.answer ?? view.error?.message ?? `(${view.state})`);
