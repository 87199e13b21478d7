import type { DoneEffect } from '../../policy/claims.ts';
import type { LoopEntry } from '../../policy/loop-ladder.ts';
import type { EventOf, JournalEvent } from '../../protocol/event.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { isPrivate, joinLabels, type Label, SYSTEM_LABEL } from '../../protocol/label.ts';
import { wrapOutsideText } from '../../protocol/outside-text.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import { type TranscriptMessage, toolCalls, visibleText } from '../../protocol/transcript.ts';
import { boundaryOf, resultHash } from './hashes.ts';

/**
 * Where a run stands, folded from its events and from nothing else. The loop decides by it, the transcript is part of
 * it, and after a crash the same fold over the same events gives the same state: that is all there is to resuming.
 * A tool call enters the transcript only together with its result, so an interrupted call can never corrupt it.
 */
export interface Progress {
  started: EventOf<'run.started'> | undefined;
  transcript: TranscriptMessage[];
  /** Join of everything the model has seen. */
  label: Label;
  /** The same when it wrote the calls of the batch: what a sibling call brings in meanwhile did not lead it. */
  batchLabel: Label;
  /** A result brought in private data that no folder of the run and no program's network explains. */
  broughtPrivate: boolean;
  /** Model calls that finished. */
  steps: number;
  /** Model calls opened for the current step, the failed and cut ones included. */
  attempts: number;
  /** Failures in a row of the current step. */
  failures: number;
  /** Batches of tool calls that were answered. */
  rounds: number;
  /** How often late input came when the answer was already there. */
  interruptions: number;
  /** The calls of the newest assistant message, in its order, until all are answered. */
  batch: CallState[];
  history: LoopEntry[];
  seen: Set<string>;
  /** Steps in a row that brought nothing new. */
  idleSteps: number;
  freshInStep: boolean;
  limit: EventOf<'limit.reached'> | undefined;
  loopStop: EventOf<'loop.noticed'> | undefined;
  /** How often the host found that what was promised is not there. */
  brokenContracts: number;
  contractFailures: readonly string[];
  contractHeld: boolean;
  modelError: EventOf<'model.failed'>['error'] | undefined;
  artifacts: { id: string; name: string; bytes: number }[];
  /** Effects that succeeded, for what the answer claims. */
  done: DoneEffect[];
  claimsQuestioned: boolean;
  lastText: string;
  /** True when the newest message of the transcript is one the model has not answered. */
  unanswered: boolean;
  finished: EventOf<'run.finished'> | undefined;
}

export interface CallState {
  readonly callId: string;
  readonly effectId: string;
  readonly tool: string;
  readonly input: JsonValue;
  readonly argsHash: string;
  decision: EventOf<'tool.decided'>['decision'] | undefined;
  approvalId: string | undefined;
  approved: 'allowed' | 'denied' | 'expired' | undefined;
  approvedBy: string | undefined;
  started: boolean;
  /** Set when the loop ladder has something to say about this result. */
  warning: string | undefined;
  outcome: ToolOutcome | undefined;
}

export function emptyProgress(): Progress {
  return {
    started: undefined,
    transcript: [],
    label: SYSTEM_LABEL,
    batchLabel: SYSTEM_LABEL,
    broughtPrivate: false,
    steps: 0,
    attempts: 0,
    failures: 0,
    rounds: 0,
    interruptions: 0,
    batch: [],
    history: [],
    seen: new Set(),
    idleSteps: 0,
    freshInStep: false,
    limit: undefined,
    loopStop: undefined,
    brokenContracts: 0,
    contractFailures: [],
    contractHeld: false,
    modelError: undefined,
    artifacts: [],
    done: [],
    claimsQuestioned: false,
    lastText: '',
    unanswered: false,
    finished: undefined,
  };
}

export function foldEvents(events: Iterable<JournalEvent>): Progress {
  const progress = emptyProgress();
  for (const event of events) applyEvent(progress, event);
  return progress;
}

type Handlers = { [T in JournalEvent['type']]?: (progress: Progress, event: EventOf<T>) => void };

const HANDLERS: Handlers = {
  'run.started': (p, event) => {
    p.started = event;
  },
  'input.received': (p, event) => {
    if (event.late === true && !p.unanswered) p.interruptions += 1;
    p.idleSteps = 0;
    p.transcript.push({ role: 'user', text: event.text });
    p.label = joinLabels(p.label, event.label);
    p.unanswered = true;
  },
  'context.labelled': (p, event) => {
    p.label = joinLabels(p.label, event.label);
  },
  'model.requested': (p) => {
    p.attempts += 1;
  },
  'model.failed': (p, event) => {
    // Waiting for the vault or for a budget is no failure of the model and does not use up its attempts.
    if (!event.error.code.startsWith('vault.') && event.error.code !== 'budget.exceeded') p.failures += 1;
    p.modelError = event.willRetry ? undefined : event.error;
  },
  'model.finished': applyModelFinished,
  'tool.requested': (p, event) => {
    p.batch.push({
      ...event,
      decision: undefined,
      approvalId: undefined,
      approved: undefined,
      approvedBy: undefined,
      started: false,
      warning: undefined,
      outcome: undefined,
    });
  },
  'tool.decided': (p, event) => {
    withCall(p, event.callId, (call) => {
      call.decision = event.decision;
    });
  },
  'approval.requested': (p, event) => {
    withCall(p, event.callId, (call) => {
      call.approvalId = event.approvalId;
    });
  },
  'approval.decided': (p, event) => {
    withCall(p, event.callId, (call) => {
      call.approved = event.outcome;
      call.approvedBy = event.by;
    });
  },
  'effect.started': (p, event) => {
    withCall(p, event.callId, (call) => {
      call.started = true;
    });
  },
  'effect.finished': applyEffectFinished,
  'loop.noticed': (p, event) => {
    if (event.verdict === 'stop') p.loopStop = event;
    if (event.verdict === 'warn') {
      withCall(p, event.callId, (call) => {
        call.warning = `[Holdfast] This is call ${event.count} of ${event.tool} with the same arguments and the same result. Try a different approach.`;
      });
    }
  },
  'contract.checked': (p, event) => {
    p.contractHeld = event.failures.length === 0;
    p.contractFailures = event.failures;
    if (!p.contractHeld) p.brokenContracts += 1;
  },
  'claims.questioned': (p, event) => {
    p.claimsQuestioned = true;
    p.transcript.push({ role: 'user', text: claimNote(event) });
    p.unanswered = true;
  },
  'limit.reached': (p, event) => {
    p.limit = event;
    p.transcript.push({ role: 'user', text: limitNote(event) });
    p.unanswered = true;
  },
  'artifact.created': (p, event) => {
    p.artifacts.push({ id: event.artifactId, name: event.name, bytes: event.bytes });
  },
  'run.finished': (p, event) => {
    p.finished = event;
    // Calls that were never answered are paired all the same: later turns of the session carry this transcript.
    if (event.state !== 'asked' && p.batch.length > 0) closeBatch(p);
  },
};

/** Changes `progress` in place: a run has thousands of events and one owner. */
export function applyEvent(progress: Progress, event: JournalEvent): void {
  const handler: ((p: Progress, e: never) => void) | undefined = HANDLERS[event.type];
  handler?.(progress, event as never);
}

function applyModelFinished(p: Progress, event: EventOf<'model.finished'>): void {
  const text = visibleText(event.message);
  p.steps += 1;
  p.attempts = 0;
  p.failures = 0;
  p.batch = [];
  p.batchLabel = p.label;
  p.transcript.push(event.message);
  p.lastText = text.trim() === '' ? p.lastText : text;
  p.freshInStep = noteFresh(p, `text:${text.trim()}`, text.trim() !== '');
  p.unanswered = false;
  if (toolCalls(event.message).length === 0) closeStep(p);
}

function applyEffectFinished(p: Progress, event: EventOf<'effect.finished'>): void {
  const call = p.batch.find((candidate) => candidate.callId === event.callId);
  if (call === undefined) return;
  call.outcome = event.outcome;
  // The answer to a worker's question reopens a run that had ended with it.
  if (p.finished?.state === 'asked') p.finished = undefined;
  p.label = joinLabels(p.label, event.outcome.label);
  if (isPrivate(event.outcome.label) && !isOfSandbox(event.outcome.label)) p.broughtPrivate = true;
  if (event.outcome.status === 'ok') p.done.push(doneEffect(call, event.outcome));
  const skipped = event.outcome.status === 'skipped';
  const hash = skipped ? undefined : resultHash(event.outcome);
  p.history.push({ tool: call.tool, argsHash: call.argsHash, resultHash: hash });
  if (hash !== undefined && noteFresh(p, `call:${call.tool}:${call.argsHash}:${hash}`, true)) p.freshInStep = true;
  if (p.batch.every((item) => item.outcome !== undefined)) closeBatch(p);
}

/** What a program could print of the folders it was given and of its network: known when the run was allowed. */
function isOfSandbox({ origins }: Label): boolean {
  return origins.length > 0 && origins.every((origin) => origin.startsWith('file:') || origin === 'sandbox-network');
}

function closeBatch(p: Progress): void {
  for (const call of p.batch) {
    const text = resultText(call);
    p.transcript.push({
      role: 'tool',
      callId: call.callId,
      tool: call.tool,
      text: call.warning === undefined ? text : `${text}\n\n${call.warning}`,
      isError: call.outcome?.status !== 'ok',
    });
  }
  p.batch = [];
  p.rounds += 1;
  p.unanswered = true;
  closeStep(p);
}

/** A stranger’s words are marked as such; the boundary follows from an id that nobody outside ever sees. */
function resultText({ outcome, effectId }: CallState): string {
  if (outcome === undefined) return 'Not run: the run ended first.';
  if (outcome.label.integrity !== 'untrusted' || outcome.text.trim() === '') return outcome.text;
  return wrapOutsideText(outcome.text, boundaryOf(effectId));
}

function closeStep(p: Progress): void {
  p.idleSteps = p.freshInStep ? 0 : p.idleSteps + 1;
  p.freshInStep = false;
}

function noteFresh(p: Progress, key: string, counts: boolean): boolean {
  if (!counts || p.seen.has(key)) return false;
  p.seen.add(key);
  return true;
}

function withCall(p: Progress, callId: string, change: (call: CallState) => void): void {
  const call = p.batch.find((candidate) => candidate.callId === callId);
  if (call !== undefined) change(call);
}

const LONGEST_WORDS = 2_000;

function doneEffect({ effectId, tool, input }: CallState, { text }: ToolOutcome): DoneEffect {
  const words = `${JSON.stringify(input).slice(0, LONGEST_WORDS)}\n${text.slice(0, LONGEST_WORDS)}`;
  return { effectId, tool, words };
}

function claimNote({ claims }: EventOf<'claims.questioned'>): string {
  return `[Holdfast] Your answer says: ${claims.map((claim) => `"${claim}"`).join('; ')}. No call of yours did that. Do it now if you can, else correct your answer so that it says only what was done.`;
}

function limitNote(event: EventOf<'limit.reached'>): string {
  return `[Holdfast] This run has used its limit of ${event.count} ${event.limit}. No tool is available any more. Answer now with what you have, and say plainly what is not done.`;
}
