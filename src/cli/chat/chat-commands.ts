import { HoldfastError } from '../../protocol/error.ts';
import { LANE_MODES, type LaneMode } from '../../protocol/lane-mode.ts';
import type { ApiClient } from '../api-client.ts';
import { closest } from '../closest.ts';
import { cardLines } from '../render/card.ts';
import type { Paint } from '../render/paint.ts';
import { cutLine, plainText } from '../render/plain-text.ts';
import { table } from '../render/table.ts';
import { bytes, usd } from '../render/units.ts';
import type { Screen } from './screen.ts';

export interface ChatCommandContext {
  readonly host: ApiClient;
  readonly agentId: string;
  readonly sessionId: string;
  readonly screen: Screen;
  readonly paint: Paint;
  readonly leave: () => void;
  /** Sends a message that does not wait its turn. */
  readonly send: (text: string, mode: LaneMode) => Promise<void>;
  /** What stands after the command's name. */
  readonly rest: string;
}

/** A command may answer with the id of the conversation to go on with. */
export type ChatCommand = { help: string; run(context: ChatCommandContext): Promise<string | undefined> };

const COMMANDS: Readonly<Record<string, ChatCommand>> = {
  help: { help: 'this list', run: async ({ screen }) => print(screen, helpRows()) },
  new: { help: 'begin a new conversation', run: begin },
  history: { help: 'what was said in this conversation', run: showHistory },
  agents: { help: 'the agents and what they do', run: showAgents },
  runs: { help: 'the latest runs of this agent', run: showRuns },
  steer: { help: 'say something to the work that is under way: /steer TEXT', run: steer },
  stop: { help: 'stop the work that is under way', run: stop },
  queue: { help: 'what waits; /queue queue|steer|collect|interrupt sets what new messages do', run: queue },
  approvals: { help: 'approvals that wait for you', run: showApprovals },
  artifact: { help: 'print the newest artifact, e.g. a report', run: showArtifact },
  quit: {
    help: 'leave; Holdfast keeps running',
    run: async ({ leave }) => {
      leave();
      return undefined;
    },
  },
};

const MANY = 20;
const LONGEST_PRINTED = 100_000;

/**
 * The command that a line calls, or undefined for text to send: `/tmp/reports` and `/srv` are folders, not commands. A line that
 * is one slip away from a command is refused rather than sent.
 */
export function findChatCommand(text: string): ChatCommand | undefined {
  const name = /^\/([a-z]+)(?:\s|$)/.exec(text)?.[1];
  if (name === undefined) return undefined;
  if (Object.hasOwn(COMMANDS, name)) return COMMANDS[name];
  const near = closest(name, Object.keys(COMMANDS));
  if (near === undefined) return undefined;
  throw new HoldfastError('bad-request', `there is no command /${name}`, {
    remedy: `Did you mean /${near}? To send it as text, put a space before it.`,
  });
}

function helpRows(): string[] {
  return [
    ...table(Object.entries(COMMANDS).map(([name, one]) => [`  /${name}`, one.help])),
    '  A line that ends with \\ goes on in the next one.',
  ];
}

async function begin({ host, agentId, screen, paint }: ChatCommandContext): Promise<string> {
  const session = await host.createSession(agentId);
  screen.line(paint.dim('  a new conversation'));
  return session.id;
}

async function showHistory({ host, sessionId, agentId, screen, paint }: ChatCommandContext): Promise<undefined> {
  const messages = await host.history(sessionId, MANY);
  if (messages.length === 0) screen.line('Nothing said yet.');
  for (const message of messages) {
    screen.line(`${paint.bold('you')} ${plainText(message.text)}`);
    screen.line(
      `${paint.cyan(agentId)} ${plainText(message.answer ?? message.error?.message ?? `(${message.state})`)}`,
    );
  }
}

async function showAgents({ host, screen }: ChatCommandContext): Promise<undefined> {
  const [agents, templates] = await Promise.all([host.agents(), host.workerTemplates()]);
  const rows = [
    ...agents.map((one) => [one.id, one.state, one.model, one.description]),
    ...templates.map((one) => [one.id, 'worker', '', one.description]),
  ];
  print(
    screen,
    table(rows).map((line) => cutLine(line, screen.width - 1)),
  );
}

async function showRuns({ host, agentId, screen }: ChatCommandContext): Promise<undefined> {
  const runs = await host.runs({ agentId, limit: MANY });
  if (runs.length === 0) screen.line('No runs yet.');
  const rows = runs.map((run) => [
    run.state,
    `${run.steps} steps`,
    usd(run.costUsd),
    run.template ?? run.kind,
    run.title,
  ]);
  print(
    screen,
    table(rows).map((line) => cutLine(line, screen.width - 1)),
  );
}

async function showApprovals({ host, screen, paint }: ChatCommandContext): Promise<undefined> {
  const approvals = await host.approvals('pending');
  if (approvals.length === 0) screen.line('Nothing waits for you.');
  for (const approval of approvals) print(screen, [...cardLines(approval, paint), `  holdfast approve ${approval.id}`]);
}

async function steer({ send, rest, screen }: ChatCommandContext): Promise<undefined> {
  if (rest === '') return print(screen, ['Say what to steer by: /steer TEXT']);
  await send(rest, 'steer');
}

async function stop({ host, agentId, sessionId, screen }: ChatCommandContext): Promise<undefined> {
  const open = await host.runs({ agentId, sessionId, active: true, limit: MANY });
  const chats = open.filter((run) => run.kind === 'chat');
  if (chats.length === 0) return print(screen, ['Nothing is under way.']);
  await Promise.all(chats.map((run) => host.cancelRun(run.id)));
}

async function queue({ host, agentId, sessionId, rest, screen, paint }: ChatCommandContext): Promise<undefined> {
  if (rest !== '') {
    const mode = LANE_MODES.find((known) => known === rest);
    if (mode === undefined) return print(screen, [`There is no mode ${plainText(rest)}: ${LANE_MODES.join(', ')}.`]);
    await host.setSessionMode(sessionId, mode);
    return print(screen, [paint.dim(`  new messages: ${mode}`)]);
  }
  const runs = await host.queue(agentId);
  if (runs.length === 0) return print(screen, ['Nothing is under way.']);
  print(
    screen,
    table(runs.map((run) => [run.state, run.title])).map((line) => cutLine(line, screen.width - 1)),
  );
}

async function showArtifact({ host, screen, paint }: ChatCommandContext): Promise<undefined> {
  const [newest] = await host.artifacts();
  if (newest === undefined) return print(screen, ['No artifacts yet.']);
  const size = bytes(newest.bytes);
  screen.line(paint.bold(`${plainText(newest.name)} ${paint.dim(`${size}, ${newest.id}`)}`));
  const readable = /^text\/|json|xml/.test(newest.mediaType) && newest.bytes <= LONGEST_PRINTED;
  if (!readable) screen.line('Not text, or too long for here: the dashboard has it.');
  else screen.line(plainText((await host.artifactContent(newest.id)).toString('utf8')));
}

function print(screen: Screen, lines: readonly string[]): undefined {
  for (const line of lines) screen.line(line);
}
