import { createInterface } from 'node:readline';
import { linkedController } from '../../base/lifecycle.ts';
import { OPERATOR } from '../../protocol/ids.ts';
import type { CliContext } from '../command.ts';
import { lastUsed } from '../commands/history.ts';
import { hostOf, vaultCallOf } from '../connect.ts';
import { openApproved } from '../open-for-task.ts';
import { oneLine, plainText } from '../render/plain-text.ts';
import { ChatSession } from './chat-session.ts';
import { createScreen } from './screen.ts';

const SHOWN_BEFORE = 2;
/** A host that is away for an hour is not coming back by itself. */
const RECONNECT_MS = 3_600_000;

/** Opens the chat and resolves, with the exit code, when the user leaves it. */
export async function openChat(context: CliContext, agentName: string | undefined): Promise<number> {
  const host = hostOf(context.home);
  const agent = await host.agent(agentName ?? OPERATOR);
  const [status, earlier] = await Promise.all([host.status(), lastUsed(host, agent.id)]);
  // Made before anything is sent: the stream brings a run's first events sooner than the reply that names its session.
  const session = earlier ?? (await host.createSession(agent.id));
  const { stdin, stdout, paint } = context;
  const terminal = context.interactive;
  const reader = createInterface({ input: stdin, ...(terminal ? { output: stdout } : {}), terminal, historySize: 200 });
  // Listening begins now: what a pipe sends while the chat is still opening would be lost otherwise.
  const lines = reader[Symbol.asyncIterator]();
  using leaving = linkedController(context.signal);
  const screen = createScreen(stdout, reader);
  screen.line(`${paint.bold(plainText(agent.title))} ${paint.dim(`${agent.id}, ${agent.model}`)}`);
  if (agent.simulated) screen.line(paint.yellow('The built-in simulator answers; use a real model: holdfast setup'));
  if (terminal) screen.line(paint.dim('/help lists the commands, Ctrl-C cancels, /quit leaves.\n'));
  const openPlace = (id: string): Promise<void> => openApproved(host, id, vaultCallOf(context.home));
  const leave = (): void => leaving.abort();
  const chat = new ChatSession({ host, agentId: agent.id, screen, paint, terminal, leave, openPlace });
  for (const message of (await host.history(session.id, 500)).slice(-SHOWN_BEFORE)) {
    screen.line(paint.dim(`  you: ${oneLine(message.text, screen.width - 8)}`));
    const end = message.answer ?? message.error?.message ?? `(${message.state})`;
    screen.line(paint.dim(`  ${agent.id}: ${oneLine(end, screen.width - agent.id.length - 5)}`));
  }
  await chat.begin(session.id);
  reader.on('SIGINT', () => void chat.interrupt(reader));
  leaving.signal.addEventListener('abort', () => reader.close(), { once: true });
  const events = host.events({ after: status.lastSeq, signal: leaving.signal, reconnectForMs: RECONNECT_MS });
  const listening = chat.listen(events).finally(() => leaving.abort());
  try {
    for await (const line of lines) await chat.take(line);
    if (!leaving.signal.aborted) await chat.untilIdle(leaving.signal);
  } finally {
    leaving.abort();
    screen.hidePrompt();
  }
  await listening;
  if (terminal) screen.line(paint.dim('Holdfast keeps running. Stop it with: holdfast stop'));
  return chat.failed ? 1 : 0;
}
