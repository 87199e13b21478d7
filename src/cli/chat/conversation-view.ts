import type { EventView, RunView, StreamMessage } from '../../protocol/api.ts';
import type { ApprovalCard } from '../../protocol/decision.ts';
import type { EventOf } from '../../protocol/event.ts';
import { visibleText } from '../../protocol/transcript.ts';
import { cardLines } from '../render/card.ts';
import { errorLines } from '../render/error.ts';
import type { Paint } from '../render/paint.ts';
import { oneLine, plainText } from '../render/plain-text.ts';
import { bytes, duration, usd } from '../render/units.ts';
import { createDraft, type Draft } from './draft.ts';
import { parseLive } from './live-event.ts';
import type { Screen } from './screen.ts';

/**
 * Turns the journal's stream into what a person sees: the answers of the chat's own runs as they are written, every step
 * of their workers as one dim line, approvals as cards. It is fed by sequence number, so that an event that comes
 * again after a reconnect is shown once.
 */
export interface ConversationView {
  handle(message: StreamMessage): void;
  /** Which conversation to follow. Its runs, and all that they start, are shown. */
  follow(sessionId: string): void;
  /** Takes up runs that were under way before: those of the conversation, and all that they started. */
  resume(active: readonly RunView[]): void;
  /** Shows an approval that was asked for before. */
  ask(approval: PendingApproval, card: ApprovalCard, agentId: string): void;
  /**
   * Text typed here needs no echo; the same session may also be used from elsewhere. Called before it is sent: the stream
   * may bring the message back before the reply that names its id.
   */
  expectOwn(text: string): void;
  readonly activeRun: string | undefined;
  /** True once the end of this run stands on the screen. */
  hasEnded(runId: string): boolean;
  readonly approval: PendingApproval | undefined;
  /** Decided here: its event needs no line of its own. */
  decidedHere(approvalId: string): void;
  decided(approvalId: string): void;
}

export interface PendingApproval {
  readonly id: string;
  readonly runId: string;
}

export interface ConversationDeps {
  readonly screen: Screen;
  readonly paint: Paint;
  /** Called when something changed that the prompt depends on. */
  readonly onChange: () => void;
}

interface FollowedRun {
  readonly root: boolean;
  readonly name: string;
  readonly draft: Draft;
  readonly calls: Map<string, { tool: string; input: unknown }>;
  costUsd: number;
  steps: number;
  said: string;
  readonly startedAt: number;
}

type Handlers = { [T in EventView['event']['type']]?: (run: FollowedRun, event: EventOf<T>, view: EventView) => void };

const SHORTEST_TEXT = 20;

interface ViewState {
  readonly screen: Screen;
  readonly paint: Paint;
  /** By run id: the runs of this conversation, and all that they started. */
  readonly runs: Map<string, FollowedRun>;
  readonly own: string[];
  readonly ended: Set<string>;
  readonly decidedHere: Set<string>;
  readonly approvals: PendingApproval[];
  sessionId: string | undefined;
}

export function createConversationView({ screen, paint, onChange }: ConversationDeps): ConversationView {
  const state: ViewState = {
    screen,
    paint,
    runs: new Map(),
    own: [],
    ended: new Set(),
    decidedHere: new Set(),
    approvals: [],
    sessionId: undefined,
  };
  const handlers: Handlers = { ...progressHandlers(state), ...approvalHandlers(state) };
  let lastSeq = -1;
  const store = (view: EventView): void => {
    if (view.seq <= lastSeq) return;
    lastSeq = view.seq;
    const { event } = view;
    if (event.type === 'run.started') adopt(state, view, event);
    const run = view.runId === null ? undefined : state.runs.get(view.runId);
    if (run === undefined) return;
    // Each handler takes the event of its own key; the compiler cannot see that through the lookup.
    const handler = handlers[event.type] as ((run: FollowedRun, event: unknown, view: EventView) => void) | undefined;
    handler?.(run, event, view);
    onChange();
  };
  return {
    handle: (message) => {
      if (message.type === 'event') store(message.event);
      else if (message.type === 'live') showLive(state, message.live);
    },
    follow: (id) => {
      state.sessionId = id;
    },
    resume: (active) => {
      for (const run of active.toSorted((a, b) => a.createdAt - b.createdAt)) {
        const parent = run.parentRunId === null ? undefined : state.runs.get(run.parentRunId);
        const root = run.parentRunId === null && run.sessionId === state.sessionId;
        if (root || parent !== undefined)
          state.runs.set(run.id, followed(run.template ?? run.agentId, root, run.startedAt ?? run.createdAt));
      }
    },
    ask: (approval, card, agentId) => ask(state, approval, { card, agentId }),
    expectOwn: (text) => void state.own.push(text),
    get activeRun() {
      return [...state.runs].find(([, run]) => run.root)?.[0];
    },
    hasEnded: (runId) => state.ended.has(runId),
    get approval() {
      return state.approvals[0];
    },
    decidedHere: (approvalId) => void state.decidedHere.add(approvalId),
    decided: (approvalId) => drop(state, approvalId),
  };
}

function adopt({ screen, paint, runs, sessionId }: ViewState, view: EventView, event: EventOf<'run.started'>): void {
  const parent = event.parentRunId === undefined ? undefined : runs.get(event.parentRunId);
  const root = parent === undefined && view.sessionId !== null && view.sessionId === sessionId;
  if (!root && parent === undefined) return;
  const name = event.template ?? event.agentId;
  const run = followed(name, root, view.at);
  runs.set(view.runId ?? '', run);
  if (!root) screen.line(paint.dim(`  ${plainText(name)} started`));
}

function followed(name: string, root: boolean, startedAt: number): FollowedRun {
  return { root, name, draft: createDraft(), calls: new Map(), costUsd: 0, steps: 0, said: '', startedAt };
}

function showLive({ screen, runs }: ViewState, value: unknown): void {
  const live = parseLive(value);
  const run = live && runs.get(live.runId);
  if (!live || !run?.root || live.type === 'draft.reasoning') return;
  if (live.type === 'draft.text') screen.draft(run.draft.live(live));
  else if (run.draft.reset()) screen.endDraft();
}

/** One dim line. The arguments in the middle give way, so that what stands at its end is always seen. */
function dim({ screen, paint }: ViewState, run: FollowedRun, text: string, end = ''): void {
  const head = run.root ? '  ' : `  ${plainText(run.name)} · `;
  const room = Math.max(SHORTEST_TEXT, screen.width - head.length - end.length - 1);
  screen.line(paint.dim(`${head}${oneLine(text, room)}${end}`));
}

function ask(
  { screen, paint, approvals }: ViewState,
  approval: PendingApproval,
  shown: { card: ApprovalCard; agentId: string },
): void {
  if (approvals.some((one) => one.id === approval.id)) return;
  approvals.push(approval);
  screen.endDraft();
  for (const line of cardLines(shown, paint)) screen.line(line);
}

function drop({ approvals }: ViewState, approvalId: string): void {
  const index = approvals.findIndex((one) => one.id === approvalId);
  if (index >= 0) approvals.splice(index, 1);
}

/** What the host adds to an answer that was shown while it was written. */
function unsaid(text: string, said: string): string {
  return said !== '' && text.startsWith(said) ? text.slice(said.length).trim() : text;
}

function finishRoot({ screen, paint }: ViewState, run: FollowedRun, event: EventOf<'run.finished'>): void {
  screen.endDraft();
  if (event.state === 'cancelled') screen.line(paint.dim('  cancelled'));
  else if (event.error !== undefined) for (const line of errorLines(event.error, paint)) screen.line(line);
  else if (event.result.text !== run.said) screen.line(plainText(unsaid(event.result.text, run.said)));
  screen.line(paint.dim(`  ${steps(run.steps)} · ${usd(run.costUsd)}`));
}

function progressHandlers(state: ViewState): Handlers {
  const { screen, paint, own, runs } = state;
  return {
    'run.resumed': (run, event) => {
      const why = event.cause === undefined ? 'Holdfast restarted' : `started again: ${plainText(event.cause)}`;
      screen.line(paint.dim(`  (${why}; the run goes on)`));
      if (event.interrupted.length > 0)
        dim(state, run, `outcome unknown: ${event.interrupted.length} interrupted effect(s)`);
    },
    'input.received': (run, event) => {
      if (!run.root) return;
      if (event.source === 'host') return screen.line(paint.dim(`  ${plainText(event.text.split('\n')[0] ?? '')}`));
      if (event.source !== 'user') return;
      const mine = own.indexOf(event.text);
      if (mine >= 0) return void own.splice(mine, 1);
      screen.line(`${paint.bold('you')} ${paint.dim('(elsewhere)')} ${plainText(event.text)}`);
    },
    'model.finished': (run, event) => {
      run.costUsd += event.costUsd ?? 0;
      run.steps += 1;
      if (!run.root) return;
      const text = visibleText(event.message);
      const { rest, replaced } = run.draft.finished(event.step, text);
      if (replaced) screen.endDraft();
      screen.draft(rest);
      screen.endDraft();
      if (text.trim() !== '') run.said = text;
    },
    'model.failed': (run, event) => {
      if (run.root && run.draft.reset()) screen.endDraft();
      dim(state, run, `model: ${event.error.message}${event.willRetry ? '; trying again' : ''}`);
    },
    'tool.requested': (run, event) => void run.calls.set(event.callId, { tool: event.tool, input: event.input }),
    'tool.decided': (run, event) => {
      if (event.decision.kind !== 'deny') return;
      screen.line(paint.dim(`  refused: ${oneLine(toolText(run, event.callId), 60)}`));
      screen.line(paint.dim(plainText(`    ${event.decision.reason} ${event.decision.unlock}`)));
    },
    'effect.finished': (run, event) => {
      const mark = event.outcome.status === 'ok' ? '✓' : `✗ ${event.outcome.status}`;
      dim(state, run, `${mark} ${toolText(run, event.callId, event.tool)}`, ` ${duration(event.durationMs)}`);
    },
    'loop.noticed': (run, event) =>
      dim(state, run, `loop: ${event.tool} for the ${event.count}th time (${event.verdict})`),
    'run.waiting': (run, event) => {
      if (event.on !== 'child' && event.on !== 'approval')
        dim(state, run, `waits for the ${event.on}: ${event.detail}`);
    },
    'claims.questioned': (run, event) => dim(state, run, `asked about: ${event.claims.join('; ')}`),
    'budget.warned': (_run, event) => screen.line(paint.yellow(plainText(`  ! ${event.text}`))),
    'run.overdue': (run, event) => dim(state, run, `still waits for ${event.detail}`, ` ${event.remedy}`),
    'artifact.created': (run, event) =>
      dim(state, run, `artifact ${event.name} (${bytes(event.bytes)})`, ' /artifact shows it'),
    'run.finished': (run, event, view) => {
      runs.delete(view.runId ?? '');
      // A run that ended waits for nothing any more, however its approvals are recorded.
      for (const one of state.approvals.filter(({ runId }) => runId === view.runId)) drop(state, one.id);
      if (run.root) state.ended.add(view.runId ?? '');
      if (run.root) finishRoot(state, run, event);
      else
        dim(
          state,
          run,
          `${event.state} · ${steps(run.steps)} · ${duration(view.at - run.startedAt)} · ${usd(run.costUsd)}`,
        );
    },
  };
}

function approvalHandlers(state: ViewState): Handlers {
  const { screen, paint, approvals, decidedHere } = state;
  return {
    'approval.requested': (run, event, view) => {
      ask(state, { id: event.approvalId, runId: view.runId ?? '' }, { card: event.card, agentId: run.name });
    },
    'approval.decided': (_run, event) => {
      const shown = approvals.some((one) => one.id === event.approvalId) && !decidedHere.has(event.approvalId);
      drop(state, event.approvalId);
      if (shown) screen.line(paint.dim(`  ${event.outcome} by ${plainText(event.by)} (${plainText(event.surface)})`));
    },
  };
}

function steps(count: number): string {
  return count === 1 ? '1 step' : `${count} steps`;
}

function toolText(run: FollowedRun, callId: string, tool?: string): string {
  const call = run.calls.get(callId);
  if (call === undefined) return tool ?? 'a tool';
  const input = typeof call.input === 'object' && call.input !== null ? Object.values(call.input) : [call.input];
  return `${call.tool} ${input.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join(' ')}`;
}
