import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';
import { judgeCall, warnAfter } from '../../policy/loop-ladder.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { EventOf, JournalEvent } from '../../protocol/event.ts';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import type { Sandbox } from '../../sandbox/launcher.ts';
import type { Statement } from '../../storage/store.ts';
import type { Labelled, SandboxCall, SandboxLabels } from '../labels/sandbox-labels.ts';
import type { Policy } from '../policy/policy.ts';
import type { Quarantine } from '../quarantine/quarantine.ts';
import type { AnyTool, ToolContext } from '../tools/tool.ts';
import { Stalled } from './active-runs.ts';
import { argumentLabel } from './argument-label.ts';
import { cleanOutcome } from './clean-event.ts';
import { childRunId, resultHash } from './hashes.ts';
import type { CallState } from './progress.ts';
import type { RunWriter } from './run-writer.ts';
import type { Gate } from './tool-gate.ts';

/**
 * Answers the tool calls of the newest assistant message. Each call goes: loop ladder → parse → gate → [approval] →
 * `effect.started` → execute → `effect.finished`. Neighbouring calls of parallel tools run side by side. A call that an
 * earlier life of the host had started is not simply run again: see `recover`.
 */
export interface ToolPhaseDeps {
  readonly tools: ReadonlyMap<string, AnyTool>;
  readonly gate: Gate;
  readonly sandboxLabels: SandboxLabels;
  readonly quarantine: Quarantine;
  readonly sandboxOf: (writer: RunWriter) => Promise<Sandbox>;
  /** Rows that change in the very unit that ends a run; a question to the parent ends one here. */
  readonly onFinish: (writer: RunWriter, event: EventOf<'run.finished'>) => Promise<readonly Statement[]>;
  /** Adds what the run's sandbox was refused on the network. */
  readonly annotate: (writer: RunWriter, callId: string, outcome: ToolOutcome) => Promise<ToolOutcome>;
  readonly live: ToolLive;
  /** Where a run's fetches may go. */
  readonly hostsOf: Policy['hostsOf'];
  readonly clock: Clock;
}

export interface ToolLive {
  output(runId: string, callId: string, stream: 'stdout' | 'stderr', text: string): void;
  progress(runId: string, callId: string, text: string): void;
}

export async function answerCalls(writer: RunWriter, deps: ToolPhaseDeps, signal: AbortSignal): Promise<void> {
  const open = writer.progress.batch.filter((call) => call.outcome === undefined);
  for (const group of groupParallel(open, deps.tools)) {
    await Promise.all(group.map((call) => answerCall(writer, call, { ...deps, signal })));
    if (writer.progress.finished !== undefined || writer.progress.loopStop !== undefined) return;
  }
}

const CHILD_GRACE_MS = 60_000;

type CallDeps = ToolPhaseDeps & { readonly signal: AbortSignal };

async function answerCall(writer: RunWriter, call: CallState, deps: CallDeps): Promise<void> {
  const tool = deps.tools.get(call.tool);
  if (call.started) return recover(writer, call, { ...deps, tool });
  const verdict = judgeCall(writer.progress.history, { ...call, exempt: tool?.loopExempt === true });
  if (verdict.kind !== 'ok') {
    const notice = {
      type: 'loop.noticed',
      verdict: verdict.kind,
      tool: call.tool,
      count: verdict.count,
      callId: call.callId,
    } as const;
    return settle(writer, call, {
      outcome: skipped(verdict.count),
      before: [notice],
      startedAt: deps.clock.now(),
      deps,
    });
  }
  const startedAt = deps.clock.now();
  const refuse = (outcome: ToolOutcome): Promise<void> =>
    settle(writer, call, { outcome, before: [], startedAt, deps });
  if (tool === undefined)
    return refuse(problem(`There is no tool named ${call.tool}. Use one of the tools you were given.`));
  const parsed = tool.input.safeParse(call.input);
  if (!parsed.success) return refuse(problem(`The arguments of ${call.tool} do not fit: ${issues(parsed.error)}`));
  const passed = await deps.gate.pass({ writer, call, tool, input: parsed.data, signal: deps.signal });
  if (passed.kind === 'refused') return refuse(passed.outcome);
  if (tool.question !== undefined)
    return ask(writer, call, { question: tool.question(parsed.data), before: passed.unwritten, deps });
  const raised = await deps.sandboxLabels.before(writer, sandboxCall(writer, call, tool));
  await writer.append([...passed.unwritten, ...startEvents(writer, call, { tool, at: startedAt })], raised);
  const outcome = await execute(writer, call, { tool, input: parsed.data, deps });
  await settle(writer, call, { outcome, before: [], startedAt, deps, tool });
}

/** The outcome with its label, and in the form that this run's model may see. */
async function labelled(
  writer: RunWriter,
  call: CallState,
  { tool, told, deps }: { tool: AnyTool; told: ToolOutcome; deps: CallDeps },
): Promise<Labelled> {
  const after = await deps.sandboxLabels.after(writer, sandboxCall(writer, call, tool), told);
  const kept = await deps.quarantine.keep(writer, tool.name, after.outcome);
  return { outcome: kept.outcome, statements: [...after.statements, ...kept.statements] };
}

const sandboxCall = (writer: RunWriter, call: CallState, tool: AnyTool): SandboxCall => ({
  risk: tool.risk,
  label: argumentLabel(writer.progress, call),
});

function startEvents(
  { spec }: RunWriter,
  call: CallState,
  { tool, at }: { tool: AnyTool; at: number },
): JournalEvent[] {
  const child = tool.startsRun === true ? { childRunId: childRunId(call.effectId) } : {};
  const started = {
    type: 'effect.started',
    effectId: call.effectId,
    callId: call.callId,
    tool: call.tool,
    ...child,
  } as const;
  if (tool.waits !== true) return [started];
  // The worker has its own limit; only one that outlives it is late.
  const deadline = at + spec.limits.workerTimeoutMs + CHILD_GRACE_MS;
  const detail = `${call.tool} waits for a worker`;
  return [started, { type: 'run.waiting', on: 'child', detail, owner: 'run', deadline }];
}

/** The run ends with a question in the unit that starts the call; the answer will be the call's result. */
async function ask(
  writer: RunWriter,
  call: CallState,
  { question, before, deps }: { question: string; before: readonly JournalEvent[]; deps: CallDeps },
): Promise<void> {
  const asked: EventOf<'run.finished'> = {
    type: 'run.finished',
    state: 'asked',
    result: { kind: 'question', text: question, artifacts: writer.progress.artifacts },
  };
  const started = { type: 'effect.started', effectId: call.effectId, callId: call.callId, tool: call.tool } as const;
  await writer.append([...before, started, asked], await deps.onFinish(writer, asked));
}

/**
 * A call that was under way when the host died. Only a tool that calls itself idempotent is run again; one that can find
 * out what happened is asked; anything else is unknown, and the model and the user are told so.
 */
async function recover(
  writer: RunWriter,
  call: CallState,
  deps: CallDeps & { tool: AnyTool | undefined },
): Promise<void> {
  const { tool } = deps;
  const startedAt = deps.clock.now();
  const input = tool?.input.safeParse(call.input);
  const known =
    tool !== undefined && input?.success === true
      ? tool.idempotent
        ? await execute(writer, call, { tool, input: input.data, deps })
        : await tool.reconcile?.(input.data, contextOf(writer, call, deps))
      : undefined;
  const lost = unknownOutcome(call.tool);
  // What its programs read from the network by then belongs to its label.
  const inSandbox = tool?.risk.startsWith('sandbox-') === true;
  const outcome = known ?? (inSandbox ? await deps.annotate(writer, call.callId, lost) : lost);
  await settle(writer, call, { outcome, before: [], startedAt, deps, tool });
}

async function execute(
  writer: RunWriter,
  call: CallState,
  { tool, input, deps }: { tool: AnyTool; input: unknown; deps: CallDeps },
): Promise<ToolOutcome> {
  const timeout = new AbortController();
  const signal = AbortSignal.any([deps.signal, timeout.signal]);
  const limitMs = writer.spec.limits.toolTimeoutMs;
  const timer = tool.waits === true ? undefined : setTimeout(() => timeout.abort(), limitMs);
  try {
    // A tool that ignores its signal must not hold the run: after a grace the run goes on without it.
    const late = onAbort(timeout.signal)
      .then(() => delay(5_000, undefined, { ref: false }))
      .then(() => timedOut(limitMs));
    const outcome = await Promise.race([tool.execute(input, contextOf(writer, call, { ...deps, signal })), late]);
    // What a tool says of a call that was let go under it is no outcome: its journal will say that it is not known.
    if (deps.signal.reason instanceof Stalled) throw deps.signal.reason;
    return tool.risk.startsWith('sandbox-') ? await deps.annotate(writer, call.callId, outcome) : outcome;
  } catch (thrown) {
    deps.signal.throwIfAborted();
    return timeout.signal.aborted ? timedOut(limitMs) : failed(HoldfastError.from(thrown, 'tool.failed'));
  } finally {
    clearTimeout(timer);
  }
}

interface Settlement {
  readonly outcome: ToolOutcome;
  readonly before: readonly JournalEvent[];
  readonly startedAt: number;
  readonly deps: CallDeps;
  /** The tool that ran; absent: none did. */
  readonly tool?: AnyTool | undefined;
}

async function settle(
  writer: RunWriter,
  call: CallState,
  { outcome: told, before, startedAt, deps, tool }: Settlement,
): Promise<void> {
  const { outcome, statements } =
    tool === undefined
      ? { outcome: cleanOutcome(told), statements: [] }
      : await labelled(writer, call, { tool, told: cleanOutcome(told), deps });
  const entry = {
    tool: call.tool,
    argsHash: call.argsHash,
    resultHash: outcome.status === 'skipped' ? undefined : resultHash(outcome),
  };
  const count = warnAfter(writer.progress.history, entry, deps.tools.get(call.tool)?.loopExempt === true);
  const warning: JournalEvent[] =
    count === undefined ? [] : [{ type: 'loop.noticed', verdict: 'warn', tool: call.tool, count, callId: call.callId }];
  await writer.append(
    [
      ...before,
      ...warning,
      {
        type: 'effect.finished',
        effectId: call.effectId,
        callId: call.callId,
        tool: call.tool,
        outcome,
        durationMs: Math.max(0, deps.clock.now() - startedAt),
      },
    ],
    statements,
  );
}

function contextOf(writer: RunWriter, call: CallState, deps: CallDeps): ToolContext {
  return {
    runId: writer.runId,
    agentId: writer.spec.agentId,
    sessionId: writer.spec.sessionId,
    effectId: call.effectId,
    callId: call.callId,
    principal: writer.spec.principal,
    label: argumentLabel(writer.progress, call),
    signal: deps.signal,
    hosts: deps.hostsOf(writer.spec),
    sandbox: () => deps.sandboxOf(writer),
    output: (stream, text) => deps.live.output(writer.runId, call.callId, stream, text),
    progress: (text) => deps.live.progress(writer.runId, call.callId, text),
    record: async (event) => void (await writer.append([event])),
  };
}

function groupParallel(calls: readonly CallState[], tools: ReadonlyMap<string, AnyTool>): CallState[][] {
  const groups: CallState[][] = [];
  let previousParallel = false;
  for (const call of calls) {
    const parallel = tools.get(call.tool)?.parallel === true;
    const last = groups.at(-1);
    if (parallel && previousParallel && last !== undefined) last.push(call);
    else groups.push([call]);
    previousParallel = parallel;
  }
  return groups;
}

function onAbort(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

function issues(error: { issues: readonly { path: PropertyKey[]; message: string }[] }): string {
  return error.issues.map((issue) => `${issue.path.map(String).join('.') || 'arguments'}: ${issue.message}`).join('; ');
}

const problem = (text: string): ToolOutcome => ({ status: 'error', text, label: SYSTEM_LABEL });

const timedOut = (limitMs: number): ToolOutcome =>
  problem(`Stopped: the tool did not finish within ${Math.round(limitMs / 1_000)} s.`);

const failed = (error: HoldfastError): ToolOutcome =>
  problem(error.remedy === undefined ? error.message : `${error.message} ${error.remedy}`);

const skipped = (count: number): ToolOutcome => ({
  status: 'skipped',
  text: `Skipped: this would be call ${count} with the same arguments. Its result would be the same. Try a different approach.`,
  label: SYSTEM_LABEL,
});

const unknownOutcome = (tool: string): ToolOutcome => ({
  status: 'unknown',
  text: `Unknown: the host stopped while ${tool} was running. It may have happened in full, in part or not at all. Look before you repeat it.`,
  label: SYSTEM_LABEL,
});
