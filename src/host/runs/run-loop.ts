import type { ErrorInfo, EventOf } from '../../protocol/event.ts';
import type { Statement } from '../../storage/store.ts';
import type { LateInputs } from '../steering/late-inputs.ts';
import type { Contracts } from '../workers/contracts.ts';
import { type ClaimCheck, claimMark } from './claim-check.ts';
import { contractHolds } from './hold-contract.ts';
import { callModel, type ModelPhaseDeps } from './model-phase.ts';
import { type NextAction, nextAction } from './next-action.ts';
import { budgetedRun, type RunBudget, waitingAtCap, waitsAtCap } from './run-budget.ts';
import type { RunWriter } from './run-writer.ts';
import { answerCalls, type ToolPhaseDeps } from './tool-phase.ts';
import { timedWriter } from './working-time.ts';

/**
 * The agent loop: look where the run stands, do the next thing, until it has ended. It holds no state of its own; kill
 * it anywhere and it goes on from the journal.
 */
export interface RunLoopDeps {
  readonly model: Omit<ModelPhaseDeps, 'budget'>;
  readonly tools: ToolPhaseDeps;
  readonly checkClaims: ClaimCheck;
  readonly budget: RunBudget;
  readonly lateInputs: Pick<LateInputs, 'take' | 'noticed'>;
  /** Checks what a run was expected to bring. */
  readonly contracts: Contracts;
  /** Rows that must change in the very unit that ends a run (the message it answers). */
  readonly onFinish: OnFinish;
}

export type OnFinish = (writer: RunWriter, event: EventOf<'run.finished'>) => Promise<readonly Statement[]>;

export interface DriveOptions {
  readonly signal: AbortSignal;
  /** Stops the time limit of the run and of those that wait for it. */
  readonly hold: () => Disposable;
}

export async function driveRun(given: RunWriter, deps: RunLoopDeps, options: DriveOptions): Promise<void> {
  const { signal, hold } = options;
  await using clock = deps.budget.clock(budgetedRun(given));
  const writer = timedWriter(given, clock, deps.tools.tools);
  prepareSandbox(writer, deps.tools);
  if (writer.epoch > 1) deps.lateInputs.noticed(writer.runId);
  for (;;) {
    signal.throwIfAborted();
    await deps.lateInputs.take(writer);
    const action = nextAction(writer.progress);
    const refusal = action.kind === 'model' || action.kind === 'tools' ? await clock.admit() : undefined;
    if (refusal !== undefined) {
      await stopOrWait(writer, refusal, { ...deps, ...options });
      continue;
    }
    switch (action.kind) {
      case 'ended':
        return;
      case 'tools':
        await answerCalls(writer, deps.tools, signal);
        break;
      case 'model':
        await callModel(writer, action, { ...deps.model, budget: deps.budget, signal, hold });
        break;
      case 'limit':
        await writer.append([{ type: 'limit.reached', limit: action.limit, count: action.count }]);
        break;
      case 'finish':
        if (action.state === 'done' && !(await contractHolds(writer, deps.contracts, signal))) break;
        await finish(writer, action, deps);
        break;
    }
  }
}

type Finish = Extract<NextAction, { kind: 'finish' }>;

/** An answer that says more than was done is questioned once; what it still claims then is marked. */
async function finish(writer: RunWriter, action: Finish, deps: RunLoopDeps): Promise<void> {
  const claims = action.state === 'done' ? await deps.checkClaims(writer) : [];
  const unsupported = claims.filter((claim) => claim.effectId === null);
  if (unsupported.length > 0 && !writer.progress.claimsQuestioned && writer.progress.limit === undefined) {
    await writer.append([{ type: 'claims.questioned', claims: unsupported.map((claim) => claim.text) }]);
    return;
  }
  const { result, state, error } = action;
  await finishRun(writer, deps, {
    type: 'run.finished',
    state,
    result: {
      ...result,
      text: `${result.text}${claimMark(unsupported)}`,
      ...(claims.length === 0 ? {} : { claims: [...claims] }),
    },
    ...(error === undefined ? {} : { error }),
  });
}

/** The run's time is used up. */
async function stopOrWait(writer: RunWriter, error: ErrorInfo, deps: RunLoopDeps & DriveOptions): Promise<void> {
  if (!waitsAtCap(error, deps.budget)) {
    const result = { kind: 'error', text: writer.progress.lastText, artifacts: writer.progress.artifacts } as const;
    return finishRun(writer, deps, { type: 'run.finished', state: 'failed', result, error });
  }
  await writer.append([waitingAtCap(error)]);
  using _ = deps.hold();
  await deps.budget.room(budgetedRun(writer), error, deps.signal);
}

/** The sandbox is made while the model thinks. What goes wrong is told when a tool needs it. */
function prepareSandbox(writer: RunWriter, { tools, sandboxOf }: ToolPhaseDeps): void {
  const { spec } = writer;
  if (spec.isOperator || !spec.tools.some((name) => tools.get(name)?.risk.startsWith('sandbox') === true)) return;
  sandboxOf(writer).catch(() => {});
}

export async function finishRun(
  writer: RunWriter,
  deps: Pick<RunLoopDeps, 'onFinish'>,
  event: EventOf<'run.finished'>,
): Promise<void> {
  await writer.append([event], await deps.onFinish(writer, event));
}
