import type { EventView } from '../../../src/protocol/api.ts';
import type { ApprovalCard, Decision } from '../../../src/protocol/decision.ts';
import type { ErrorInfo, EventOf, JournalEvent } from '../../../src/protocol/event.ts';
import type { JsonValue } from '../../../src/protocol/json.ts';
import type { RunKind, RunResult, RunState } from '../../../src/protocol/run.ts';
import type { ToolOutcome } from '../../../src/protocol/tool.ts';

/** One run as screens show it, folded from its events. Pure: equal events give an equal model. */
export interface RunModel {
  readonly id: string;
  readonly kind: RunKind | undefined;
  readonly agentId: string | undefined;
  readonly parentRunId: string | undefined;
  readonly template: string | undefined;
  readonly model: string | undefined;
  readonly state: RunState;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
  readonly costUsd: number;
  readonly items: readonly RunItem[];
  readonly artifacts: readonly EventOf<'artifact.created'>[];
  readonly result: RunResult | undefined;
  readonly error: ErrorInfo | undefined;
}

export interface InputItem {
  kind: 'input';
  seq: number;
  at: number;
  event: EventOf<'input.received'>;
}
export interface ModelItem {
  kind: 'model';
  seq: number;
  at: number;
  step: number;
  attempt: number;
  model: string;
  finished: EventOf<'model.finished'> | undefined;
  failed: EventOf<'model.failed'> | undefined;
  endedAt: number | undefined;
}
export interface ApprovalState {
  id: string;
  card: ApprovalCard;
  requestedAt: number;
  expiresAt: number;
  outcome: 'allowed' | 'denied' | 'expired' | undefined;
  by: string | undefined;
  surface: string | undefined;
}
export interface ToolItem {
  kind: 'tool';
  seq: number;
  at: number;
  step: number;
  callId: string;
  tool: string;
  input: JsonValue;
  decision: Decision | undefined;
  approval: ApprovalState | undefined;
  childRunId: string | undefined;
  startedAt: number | undefined;
  outcome: ToolOutcome | undefined;
  durationMs: number | undefined;
  endedAt: number | undefined;
}
export interface WaitItem {
  kind: 'wait';
  seq: number;
  at: number;
  event: EventOf<'run.waiting'>;
  endedAt: number | undefined;
}
export interface NoteItem {
  kind: 'note';
  seq: number;
  at: number;
  text: string;
}
export type RunItem = InputItem | ModelItem | ToolItem | WaitItem | NoteItem;

type Draft = { -readonly [K in keyof RunModel]: RunModel[K] } & {
  items: RunItem[];
  artifacts: EventOf<'artifact.created'>[];
};

export function foldRun(id: string, events: readonly EventView[]): RunModel {
  const run: Draft = {
    id,
    kind: undefined,
    agentId: undefined,
    parentRunId: undefined,
    template: undefined,
    model: undefined,
    state: 'queued',
    startedAt: undefined,
    finishedAt: undefined,
    costUsd: 0,
    items: [],
    artifacts: [],
    result: undefined,
    error: undefined,
  };
  for (const view of events) {
    endWait(run, view);
    fold(run, view.event, view);
  }
  return run;
}

const STILL_WAITING: readonly JournalEvent['type'][] = ['approval.requested', 'run.overdue', 'budget.warned'];

/** Whatever a run does next ends its wait. */
function endWait(run: Draft, { at, event }: EventView): void {
  const last = run.items.findLast((item) => item.kind === 'wait');
  if (last?.kind !== 'wait' || last.endedAt !== undefined || STILL_WAITING.includes(event.type)) return;
  last.endedAt = at;
  if (run.state === 'waiting') run.state = 'running';
}

function fold(run: Draft, event: JournalEvent, { seq, at }: EventView): void {
  switch (event.type) {
    case 'run.started':
      run.state = 'running';
      run.startedAt = at;
      run.kind = event.kind;
      run.agentId = event.agentId;
      run.parentRunId = event.parentRunId;
      run.template = event.template;
      run.model = event.model;
      return;
    case 'input.received':
      run.items.push({ kind: 'input', seq, at, event });
      if (run.state === 'asked') run.state = 'running';
      return;
    case 'model.requested':
      run.items.push(newModelItem(event, seq, at));
      return;
    case 'model.finished':
    case 'model.failed':
      endModelCall(run, event, { seq, at });
      return;
    case 'tool.requested':
      run.items.push(newToolItem(event, seq, at));
      return;
    case 'run.waiting':
      run.state = 'waiting';
      run.items.push({ kind: 'wait', seq, at, event, endedAt: undefined });
      return;
    case 'artifact.created':
      run.artifacts.push(event);
      return;
    case 'run.finished':
      run.state = event.state;
      run.finishedAt = event.state === 'asked' ? undefined : at;
      run.result = event.result;
      run.error = event.error;
      return;
    default:
      foldTool(run, event, at);
      foldNote(run, event, { seq, at });
  }
}

function newModelItem(event: EventOf<'model.requested'>, seq: number, at: number): ModelItem {
  const { step, attempt, model } = event;
  return { kind: 'model', seq, at, step, attempt, model, finished: undefined, failed: undefined, endedAt: undefined };
}

function endModelCall(
  run: Draft,
  event: EventOf<'model.finished'> | EventOf<'model.failed'>,
  { seq, at }: { seq: number; at: number },
): void {
  let item = run.items.findLast(
    (candidate): candidate is ModelItem =>
      candidate.kind === 'model' && candidate.step === event.step && candidate.attempt === event.attempt,
  );
  if (!item) {
    item = newModelItem({ ...event, type: 'model.requested', model: run.model ?? '' }, seq, at);
    run.items.push(item);
  }
  item.endedAt = at;
  if (event.type === 'model.failed') item.failed = event;
  else {
    item.finished = event;
    run.costUsd += event.costUsd ?? 0;
  }
}

function newToolItem(event: EventOf<'tool.requested'>, seq: number, at: number): ToolItem {
  const { step, callId, tool, input } = event;
  const open = { decision: undefined, approval: undefined, childRunId: undefined, startedAt: undefined };
  return {
    ...{ kind: 'tool', seq, at, step, callId, tool, input },
    ...open,
    ...{ outcome: undefined, durationMs: undefined, endedAt: undefined },
  };
}

function foldTool(run: Draft, event: JournalEvent, at: number): void {
  if (!('callId' in event)) return;
  const item = run.items.findLast(
    (candidate): candidate is ToolItem => candidate.kind === 'tool' && candidate.callId === event.callId,
  );
  if (!item) return;
  if (event.type === 'tool.decided') item.decision = event.decision;
  else if (event.type === 'approval.requested') item.approval = newApproval(event, at);
  else if (event.type === 'approval.decided' && item.approval?.id === event.approvalId) {
    item.approval = { ...item.approval, outcome: event.outcome, by: event.by, surface: event.surface };
  } else if (event.type === 'effect.started') {
    item.startedAt = at;
    item.childRunId = event.childRunId ?? item.childRunId;
  } else if (event.type === 'effect.finished') {
    item.outcome = event.outcome;
    item.durationMs = event.durationMs;
    item.endedAt = at;
  }
}

function newApproval(event: EventOf<'approval.requested'>, at: number): ApprovalState {
  const { approvalId, card, expiresAt } = event;
  return { id: approvalId, card, requestedAt: at, expiresAt, outcome: undefined, by: undefined, surface: undefined };
}

function foldNote(run: Draft, event: JournalEvent, { seq, at }: { seq: number; at: number }): void {
  const text = noteText(event);
  if (event.type === 'run.resumed') run.state = 'running';
  if (text !== undefined) run.items.push({ kind: 'note', seq, at, text });
}

function noteText(event: JournalEvent): string | undefined {
  if (event.type === 'run.resumed') {
    const unknown = event.interrupted.length;
    const after = event.cause === undefined ? 'Went on after a restart' : `Started again: ${event.cause}`;
    return unknown === 0
      ? after
      : `${after}; the outcome of ${unknown} ${unknown === 1 ? 'effect is' : 'effects are'} unknown`;
  }
  if (event.type === 'run.continued') return `Ran out of rounds and went on by itself (${event.continues})`;
  if (event.type === 'claims.questioned')
    return `The answer says more than was done, so the agent was asked: ${event.claims.join('; ')}`;
  if (event.type === 'run.overdue') return `Still waits for ${event.detail}. ${event.remedy}`;
  if (event.type === 'budget.warned') return event.text;
  if (event.type !== 'loop.noticed') return undefined;
  const what = { warn: 'was warned', skip: 'call was skipped', stop: 'run was stopped' }[event.verdict];
  return `Loop noticed: ${event.tool} repeated ${event.count} times, ${what}`;
}

export const isActive = (state: RunState): boolean => state === 'queued' || state === 'running' || state === 'waiting';

const partsOf = (item: RunItem, type: 'text' | 'reasoning'): string =>
  item.kind !== 'model' || !item.finished
    ? ''
    : item.finished.message.parts.map((part) => (part.type === type ? part.text : '')).join('');

/** What the model said to the reader in this call. */
export const textOf = (item: RunItem): string => partsOf(item, 'text');
export const reasoningOf = (item: RunItem): string => partsOf(item, 'reasoning');
