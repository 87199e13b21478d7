import type { ErrorInfo } from '../../protocol/event.ts';
import type { RunResult } from '../../protocol/run.ts';
import type { Progress } from './progress.ts';

/** What a run does next: a pure function of where it stands. */
export type NextAction =
  | { readonly kind: 'ended' }
  | { readonly kind: 'tools' }
  | { readonly kind: 'model'; readonly step: number; readonly attempt: number; readonly withTools: boolean }
  | { readonly kind: 'limit'; readonly limit: 'steps' | 'rounds'; readonly count: number }
  | {
      readonly kind: 'finish';
      readonly state: 'done' | 'failed';
      readonly result: RunResult;
      readonly error?: ErrorInfo;
    };

export function nextAction(progress: Progress): NextAction {
  const started = progress.started;
  if (progress.finished !== undefined) return { kind: 'ended' };
  if (started === undefined) return failure(progress, { code: 'internal', message: 'The run has no beginning.' });
  if (progress.modelError !== undefined) return failure(progress, progress.modelError);
  if (progress.loopStop !== undefined) return failure(progress, loopError(progress.loopStop));
  if (progress.batch.length > 0) return { kind: 'tools' };
  if (!progress.unanswered) return answer(progress);
  if (progress.idleSteps >= started.limits.noProgressSteps) return failure(progress, idleError(progress.idleSteps));
  const limit = reachedLimit(progress);
  if (limit !== undefined && progress.limit === undefined) return { kind: 'limit', ...limit };
  return {
    kind: 'model',
    step: progress.steps + 1,
    attempt: progress.attempts + 1,
    withTools: progress.limit === undefined,
  };
}

function reachedLimit(progress: Progress): { limit: 'steps' | 'rounds'; count: number } | undefined {
  const started = progress.started;
  if (started === undefined) return undefined;
  if (started.kind === 'chat') {
    const { chatRounds } = started.limits;
    return progress.rounds >= chatRounds ? { limit: 'rounds', count: chatRounds } : undefined;
  }
  const { taskSteps } = started.limits;
  return progress.steps >= taskSteps ? { limit: 'steps', count: taskSteps } : undefined;
}

function answer(progress: Progress): NextAction {
  const result: RunResult = { kind: 'result', text: progress.lastText, artifacts: progress.artifacts };
  if (progress.brokenContracts > 1 && !progress.contractHeld) {
    const message = `What was expected is not there: ${progress.contractFailures.join(' ')}`;
    const remedy = 'Give a smaller task, or look at what the worker did.';
    return {
      kind: 'finish',
      state: 'failed',
      result: { ...result, kind: 'error' },
      error: { code: 'run.contract', message, remedy },
    };
  }
  if (progress.limit === undefined) return { kind: 'finish', state: 'done', result };
  const { limit, count } = progress.limit;
  return {
    kind: 'finish',
    state: 'failed',
    result: { ...result, kind: 'error' },
    error: {
      code: 'run.step-limit',
      message: `The run used its limit of ${count} ${limit} before it was done.`,
      remedy: 'Give a smaller task, or raise the limit in config.json under limits.',
    },
  };
}

function failure(progress: Progress, error: ErrorInfo): NextAction {
  return {
    kind: 'finish',
    state: 'failed',
    result: { kind: 'error', text: progress.lastText, artifacts: progress.artifacts },
    error,
  };
}

function loopError(stop: { tool: string; count: number }): ErrorInfo {
  return {
    code: 'run.loop',
    message: `The run called ${stop.tool} with the same arguments for the ${stop.count}th time and was stopped.`,
    remedy: 'Say more precisely what is wanted, or try another model.',
  };
}

function idleError(steps: number): ErrorInfo {
  return {
    code: 'run.no-progress',
    message: `The run made ${steps} steps without a new effect, result or text and was stopped.`,
    remedy: 'Say more precisely what is wanted, or try another model.',
  };
}
