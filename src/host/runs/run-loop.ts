import type { EventOf } from '../../protocol/event.ts';
import type { Statement } from '../../storage/store.ts';
import type { LateInputs } from '../steering/late-inputs.ts';
import type { Contracts } from '../workers/contracts.ts';
import { contractHolds } from './hold-contract.ts';
import { callModel, type ModelPhaseDeps } from './model-phase.ts';
import { nextAction } from './next-action.ts';
import type { RunWriter } from './run-writer.ts';
import { answerCalls, type ToolPhaseDeps } from './tool-phase.ts';

/**
 * The agent loop: look where the run stands, do the next thing, until it has ended. It holds no state of its own; kill
 * it anywhere and it goes on from the journal.
 */
export interface RunLoopDeps {
  readonly model: ModelPhaseDeps;
  readonly tools: ToolPhaseDeps;
  readonly lateInputs: Pick<LateInputs, 'take' | 'noticed'>;
  /** Checks what a run was expected to bring. */
  readonly contracts: Contracts;
  /** Rows that must change in the very unit that ends a run (the message it answers). */
  readonly onFinish: OnFinish;
}

export type OnFinish = (writer: RunWriter, event: EventOf<'run.finished'>) => Promise<readonly Statement[]>;

export async function driveRun(writer: RunWriter, deps: RunLoopDeps, signal: AbortSignal): Promise<void> {
  prepareSandbox(writer, deps.tools);
  if (writer.epoch > 1) deps.lateInputs.noticed(writer.runId);
  for (;;) {
    signal.throwIfAborted();
    await deps.lateInputs.take(writer);
    const action = nextAction(writer.progress);
    switch (action.kind) {
      case 'ended':
        return;
      case 'tools':
        await answerCalls(writer, deps.tools, signal);
        break;
      case 'model':
        await callModel(writer, action, { ...deps.model, signal });
        break;
      case 'limit':
        await writer.append([{ type: 'limit.reached', limit: action.limit, count: action.count }]);
        break;
      case 'finish':
        if (action.state === 'done' && !(await contractHolds(writer, deps.contracts, signal))) break;
        await finishRun(writer, deps, {
          type: 'run.finished',
          state: action.state,
          result: action.result,
          ...(action.error === undefined ? {} : { error: action.error }),
        });
        break;
    }
  }
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
