import { uuidv7 } from '../../base/id.ts';
import type { ApprovalView, MessageView } from '../../protocol/api.ts';
import type { ApiClient } from '../api-client.ts';
import type { Arguments } from '../arguments.ts';
import type { CliContext, Command } from '../command.ts';
import { JSON_FLAG } from '../command.ts';
import { hostOf } from '../connect.ts';
import { cardLines } from '../render/card.ts';
import { errorLines } from '../render/error.ts';
import { plainText } from '../render/plain-text.ts';

const LOOK_MS = 1_500;

export const send: Command = {
  summary: 'Send one message and print the final answer. Exit code 0 when it was answered, else 1.',
  usage: '<agent> "text" [--json] [--timeout SECONDS]',
  flags: [JSON_FLAG, { name: 'timeout', value: 'SECONDS', help: 'stop waiting after this long; the run goes on' }],
  words: [2, 2],
  notes: 'When an agent needs your approval, the card is shown on stderr together with the command that answers it.',
  run: runSend,
};

async function runSend(context: CliContext, args: Arguments): Promise<number> {
  const [agent = '', text = ''] = args.words;
  const seconds = args.number('timeout', 0.001);
  const limits = seconds === undefined ? [context.signal] : [context.signal, AbortSignal.timeout(seconds * 1_000)];
  const host = hostOf(context.home);
  const sent = await host.send(agent, { text, clientMessageId: `cli-${uuidv7()}` });
  const message = await waitFor(host, sent, { signal: AbortSignal.any(limits), context });
  if (args.has('json')) context.print(JSON.stringify(message));
  else if (message.answer !== null && message.state === 'answered') context.print(plainText(message.answer));
  if (isOpen(message)) {
    context.warn(`No answer yet; the run goes on. Look later: holdfast history ${agent}`);
  } else if (message.state !== 'answered' && !args.has('json')) {
    const error = message.error ?? { code: 'internal', message: message.answer ?? `The message was ${message.state}.` };
    for (const line of errorLines(error, context.paint)) context.warn(line);
  }
  return message.state === 'answered' ? 0 : 1;
}

interface Waiting {
  readonly signal: AbortSignal;
  readonly context: CliContext;
}

/** Waits for the end; a host that restarts meanwhile is waited for, too. */
async function waitFor(host: ApiClient, sent: MessageView, { signal, context }: Waiting): Promise<MessageView> {
  const shown = new Set<string>();
  let message = sent;
  while (isOpen(message) && !signal.aborted) {
    try {
      message = await host.message(message.id, { waitMs: LOOK_MS, signal });
      if (isOpen(message)) await showApprovals(host, { message, shown, context });
    } catch (error) {
      if (signal.aborted) break;
      if (!isGone(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS / 5));
    }
  }
  return message;
}

function isOpen(message: MessageView): boolean {
  return message.state === 'received' || message.state === 'running';
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'host.unreachable';
}

async function showApprovals(
  host: ApiClient,
  state: { message: MessageView; shown: Set<string>; context: CliContext },
): Promise<void> {
  const pending = await host.approvals('pending');
  const isOurs = (one: ApprovalView): boolean => one.sessionId === state.message.sessionId && !state.shown.has(one.id);
  for (const approval of pending.filter(isOurs)) {
    state.shown.add(approval.id);
    for (const line of cardLines(approval, state.context.paint)) state.context.warn(line);
    state.context.warn(`Answer with: holdfast approve ${approval.id}   or: holdfast deny ${approval.id}`);
  }
}
