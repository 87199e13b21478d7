import { type ErrorCode, HoldfastError } from '../../protocol/error.ts';
import type { EventOf } from '../../protocol/event.ts';
import { claim } from './claim-run.ts';
import { finishRun } from './run-loop.ts';
import type { RunManagerDeps } from './run-manager.ts';
import type { RunWriter } from './run-writer.ts';
import type { RunsTable } from './tables.ts';

/** Trouble of the database that an operator mends while the host runs. */
export const MAY_PASS: readonly ErrorCode[] = ['storage.full', 'storage.read-only'];

/** Why a run is ended by a person or by its limit, as the reason of its abort. */
export class Cancelled extends HoldfastError {}

/** A run that stops the host again and again is not taken up once more. */
export async function giveUp(writer: RunWriter, row: RunsTable, deps: RunManagerDeps): Promise<void> {
  await finishRun(writer, deps.loop, {
    type: 'run.finished',
    state: 'failed',
    result: { kind: 'error', text: writer.progress.lastText, artifacts: writer.progress.artifacts },
    error: {
      code: 'run.interrupted',
      message: `The host stopped ${row.resumes} times during this step of the run, so it is not tried again.`,
      remedy: 'Look into the logs for the cause, then send the message again.',
    },
  });
}

/** What an error makes of a run. False: the host is stopping or another holder has it; nothing is written. */
export async function endBy(
  thrown: unknown,
  writer: RunWriter,
  { deps, signal }: { deps: RunManagerDeps; signal: AbortSignal },
): Promise<boolean> {
  const cause: unknown = signal.aborted ? signal.reason : thrown;
  if (signal.aborted && !(cause instanceof Cancelled)) return false;
  const error = HoldfastError.from(cause);
  if (MAY_PASS.includes(error.code)) throw error;
  if (error.code === 'storage.guard-failed') {
    deps.log.warn('Run is held by someone else now', { run: writer.runId });
    return false;
  }
  if (!(error instanceof Cancelled)) deps.log.error('Run failed', { run: writer.runId, error });
  const event = cancelled(error.message);
  const result = { ...event.result, text: writer.progress.lastText, artifacts: writer.progress.artifacts };
  const state = error.code === 'cancelled' ? 'cancelled' : 'failed';
  await finishRun(writer, deps.loop, { ...event, state, result, error: error.toShape() });
  return true;
}

/** Ends a run that nobody executes (queued, or waiting for its parent's answer). */
export async function endIdle(row: RunsTable, event: EventOf<'run.finished'>, deps: RunManagerDeps): Promise<void> {
  const writer = await claim(row, deps);
  await finishRun(writer, deps.loop, event);
  await deps.onSettled(writer, event.state);
}

export function cancelled(reason: string): EventOf<'run.finished'> {
  return {
    type: 'run.finished',
    state: 'cancelled',
    result: { kind: 'error', text: '', artifacts: [] },
    error: { code: 'cancelled', message: reason },
  };
}
