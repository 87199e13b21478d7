import type { MessageView, SessionView } from '../../protocol/api.ts';
import type { ApiClient } from '../api-client.ts';
import type { Command } from '../command.ts';
import { JSON_FLAG } from '../command.ts';
import { hostOf } from '../connect.ts';
import type { Paint } from '../render/paint.ts';
import { plainText } from '../render/plain-text.ts';

const DEFAULT_COUNT = 50;

export const history: Command = {
  summary: "Print an agent's conversation, oldest message first.",
  usage: '<agent> [--json] [-n N] [--session ID]',
  flags: [
    JSON_FLAG,
    { name: 'lines', short: 'n', value: 'N', help: `how many messages (default ${DEFAULT_COUNT})` },
    { name: 'session', value: 'ID', help: 'another conversation than the one last used' },
  ],
  words: [1, 1],
  run: async (context, args) => {
    const host = hostOf(context.home);
    const count = Math.floor(args.number('lines', 1) ?? DEFAULT_COUNT);
    const sessionId = args.text('session') ?? (await lastUsed(host, args.words[0] ?? ''))?.id;
    const messages = sessionId === undefined ? [] : await host.history(sessionId, Math.min(count, 500));
    if (args.has('json')) context.print(JSON.stringify(messages));
    else if (messages.length === 0) context.print('Nothing said yet.');
    else for (const message of messages) for (const line of lines(message, context.paint)) context.print(line);
    return 0;
  },
};

/** The conversation last used, an active one first. Throws `not-found` for an agent that does not exist. */
export async function lastUsed(host: ApiClient, agentId: string): Promise<SessionView | undefined> {
  await host.agent(agentId);
  const rank = (one: SessionView): number => (one.lastMessageAt ?? one.createdAt) + (one.active ? 1e15 : 0);
  return (await host.sessions(agentId)).toSorted((a, b) => rank(b) - rank(a))[0];
}

function lines(message: MessageView, paint: Paint): string[] {
  const at = new Date(message.receivedAt).toISOString().replace('T', ' ').slice(0, 16);
  const said = [
    `${paint.dim(at)} ${paint.bold(message.source === 'host' ? 'Holdfast' : 'you')}`,
    plainText(message.text),
    '',
  ];
  if (message.answer !== null)
    return [...said, `${paint.dim(at)} ${paint.cyan(message.agentId)}`, plainText(message.answer), ''];
  if (message.error !== null) return [...said, paint.red(`${message.state}: ${plainText(message.error.message)}`), ''];
  return [...said, paint.dim(`(${message.state})`), ''];
}
