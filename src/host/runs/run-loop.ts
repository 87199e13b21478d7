import type { EventOf } from '../../protocol/event.ts';
import type { Statement } from '../../storage/store.ts';
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
  /** Rows that must change in the very unit that ends a run (the message it answers). */
  readonly onFinish: OnFinish;
}

export type OnFinish = (writer: RunWriter, event: EventOf<'run.finished'>) => Promise<readonly Statement[]>;

export async function driveRun(writer: RunWriter, deps: RunLoopDeps, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
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

export async function finishRun(
  writer: RunWriter,
  deps: Pick<RunLoopDeps, 'onFinish'>,
  event: EventOf<'run.finished'>,
): Promise<void> {
  await writer.append([event], await deps.onFinish(writer, event));
}
