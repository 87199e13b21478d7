import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { newId, uuidv7 } from '../../base/id.ts';
import type { ErrorCode } from '../../protocol/error.ts';
import type { ErrorInfo, JournalEvent, LiveEvent } from '../../protocol/event.ts';
import { EffectId } from '../../protocol/ids.ts';
import type { ToolDescription } from '../../protocol/tool.ts';
import { type AssistantMessage, type TranscriptMessage, toolCalls } from '../../protocol/transcript.ts';
import type { Model, ModelEvent } from '../models/model.ts';
import { argsHash } from './hashes.ts';
import type { NextAction } from './next-action.ts';
import { budgetedRun, type RunBudget, waitingAtCap, waitsAtCap } from './run-budget.ts';
import type { RunWriter } from './run-writer.ts';

/**
 * One model call. A call may be repeated: each attempt has its own id, which is what the vault charges by. What the
 * model said is journaled only when it is whole, together with the tool calls it asks for; until then screens get a
 * draft that is never stored.
 */
export interface ModelPhaseDeps {
  readonly model: Model;
  /** The transcript to send: earlier turns of the session before this run's own, cut to what the model can read. */
  readonly contextOf: (writer: RunWriter) => Promise<readonly TranscriptMessage[]>;
  /** Of these tools, those that the model is told of when it has read this. */
  readonly describe: (tools: readonly string[], transcript: readonly TranscriptMessage[]) => readonly ToolDescription[];
  readonly live: (event: LiveEvent) => void;
  /** Resolves when the vault answers again. */
  readonly vaultReachable: (signal: AbortSignal) => Promise<void>;
  /** Resolves when the agent is not frozen (any more). */
  readonly thawed: (agentId: string, signal: AbortSignal) => Promise<void>;
  readonly budget: RunBudget;
  readonly clock: Clock;
}

type ModelCallDeps = ModelPhaseDeps & {
  readonly signal: AbortSignal;
  /** Stops the time limit of the run and of those that wait for it. */
  readonly hold: () => Disposable;
};
type ModelAction = Extract<NextAction, { kind: 'model' }>;
type Finished = Extract<ModelEvent, { type: 'finished' }>;

const MOST_FAILURES = 4;
/** A vault that is away for longer is told to people, not only waited for. */
const VAULT_BACK_WITHIN_MS = 300_000;
const LONGEST_ASKED_WAIT_MS = 60_000;

export async function callModel(writer: RunWriter, action: ModelAction, deps: ModelCallDeps): Promise<void> {
  const { spec, runId } = writer;
  const { step } = action;
  let attempt = action.attempt;
  let callId = `call_${uuidv7()}`;
  let startedAt = deps.clock.now();
  await writer.append([{ type: 'model.requested', step, attempt, model: spec.model, callId }]);
  deps.live({ type: 'draft.reset', runId, step, attempt });
  let draft = createDraft({ runId, step, attempt }, deps);
  const transcript = await deps.contextOf(writer);
  const stream = deps.model.stream({
    model: spec.model,
    agentId: spec.agentId,
    runId,
    taskId: spec.taskId ?? runId,
    callId,
    system: spec.systemPrompt,
    transcript,
    tools: action.withTools ? deps.describe(spec.tools, transcript) : [],
    maxOutputTokens: spec.limits.maxOutputTokens,
    thinking: spec.thinking,
    signal: deps.signal,
  });
  for await (const event of stream) {
    if (event.type === 'finished') {
      const durationMs = deps.clock.now() - startedAt;
      await writer.append(
        finishedEvents(writer, event, {
          step,
          attempt,
          callId,
          durationMs,
          firstTokenMs: draft.firstTokenMs(startedAt),
        }),
      );
    } else if (event.type === 'restart') {
      // Another model of the chain begins anew: its draft replaces what was shown, nothing is appended.
      const failed = { type: 'model.failed', step, attempt, callId, error: event.error, willRetry: true } as const;
      attempt += 1;
      callId = event.callId;
      startedAt = deps.clock.now();
      await writer.append([failed, { type: 'model.requested', step, attempt, model: event.model, callId }]);
      deps.live({ type: 'draft.reset', runId, step, attempt });
      draft = createDraft({ runId, step, attempt }, deps);
    } else if (event.type === 'failed') await noteFailure(writer, event.error, { step, attempt, callId, deps });
    else if (event.type !== 'aborted') draft.add(event);
  }
  deps.signal.throwIfAborted();
}

function finishedEvents(
  writer: RunWriter,
  event: Finished,
  call: { step: number; attempt: number; callId: string; durationMs: number; firstTokenMs: number | undefined },
): JournalEvent[] {
  const { firstTokenMs, ...rest } = call;
  const message = withUniqueCallIds(event.message, writer, call.step);
  const finished: JournalEvent = {
    type: 'model.finished',
    ...rest,
    message,
    stop: event.stop,
    usage: event.usage,
    ...(event.cost === undefined ? {} : { costUsd: event.cost.usd, estimated: event.cost.estimated }),
    ...(firstTokenMs === undefined ? {} : { firstTokenMs }),
  };
  const requested = toolCalls(message).map(
    (part): JournalEvent => ({
      type: 'tool.requested',
      step: call.step,
      callId: part.callId,
      effectId: newId(EffectId, 'eff'),
      tool: part.tool,
      input: part.malformed === undefined ? part.input : { malformed: part.malformed },
      argsHash: argsHash(part.tool, part.malformed ?? part.input),
    }),
  );
  return [finished, ...requested];
}

/** Some providers number their calls anew in each answer; the ledger wants them unique within the run. */
function withUniqueCallIds(message: AssistantMessage, writer: RunWriter, step: number): AssistantMessage {
  const used = new Set(writer.progress.transcript.flatMap((entry) => (entry.role === 'tool' ? [entry.callId] : [])));
  return {
    ...message,
    parts: message.parts.map((part) =>
      part.type === 'tool-call' && used.has(part.callId) ? { ...part, callId: `${part.callId}-${step}` } : part,
    ),
  };
}

async function noteFailure(
  writer: RunWriter,
  error: ErrorInfo,
  call: { step: number; attempt: number; callId: string; deps: ModelCallDeps },
): Promise<void> {
  const { deps, ...ids } = call;
  if (VAULT_WAITS.includes(error.code)) {
    await writer.append([
      { type: 'model.failed', ...ids, error, willRetry: true },
      {
        type: 'run.waiting',
        on: 'vault',
        detail: error.message,
        owner: 'vault',
        deadline: deps.clock.now() + VAULT_BACK_WITHIN_MS,
      },
    ]);
    if (error.code === 'vault.frozen') await deps.thawed(writer.spec.agentId, deps.signal);
    else await deps.vaultReachable(deps.signal);
    return;
  }
  if (waitsAtCap(error, deps.budget)) {
    await writer.append([{ type: 'model.failed', ...ids, error, willRetry: true }, waitingAtCap(error)]);
    using _ = deps.hold();
    await deps.budget.room(budgetedRun(writer), error, deps.signal);
    return;
  }
  const wait = waitBefore(error, writer.progress.failures + 1);
  await writer.append([{ type: 'model.failed', ...ids, error, willRetry: wait !== undefined }]);
  if (wait !== undefined) await deps.clock.sleep(wait, deps.signal);
}

/** No fault of the call: it is made again when the vault gives way. */
const VAULT_WAITS: readonly ErrorCode[] = ['vault.unreachable', 'vault.locked', 'vault.frozen'];

/** How long to wait before the next attempt; undefined: there is none. */
function waitBefore(error: ErrorInfo, failures: number): number | undefined {
  if (error.retryable !== true || failures >= MOST_FAILURES) return undefined;
  if (error.retryAfterMs !== undefined) {
    return error.retryAfterMs <= LONGEST_ASKED_WAIT_MS ? error.retryAfterMs : undefined;
  }
  return backoffMs(failures, { baseMs: 500, maxMs: 15_000 });
}

function createDraft(ids: { runId: string; step: number; attempt: number }, deps: ModelPhaseDeps) {
  const offsets = { text: 0, reasoning: 0 };
  let firstAt: number | undefined;
  return {
    firstTokenMs: (startedAt: number): number | undefined => (firstAt === undefined ? undefined : firstAt - startedAt),
    add(event: Exclude<ModelEvent, { type: 'finished' | 'failed' | 'aborted' | 'restart' }>): void {
      firstAt ??= deps.clock.now();
      if (event.type === 'tool-input') return;
      const type = event.type === 'text' ? 'draft.text' : 'draft.reasoning';
      deps.live({ type, ...ids, text: event.delta, offset: offsets[event.type] });
      offsets[event.type] += event.delta.length;
    },
  };
}
