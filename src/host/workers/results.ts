import { ErrorInfo, type EventOf } from '../../protocol/event.ts';
import { joinLabels, type Label, SYSTEM_LABEL } from '../../protocol/label.ts';
import { RunResult } from '../../protocol/run.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import type { Journal } from '../journal/journal.ts';
import { foldEvents } from '../runs/progress.ts';
import type { RunsTable } from '../runs/tables.ts';

/** What a worker came to, as the model reads it. `running`: it is not over. */
export interface WorkerReport {
  readonly worker: string;
  readonly status: 'result' | 'question' | 'error' | 'running';
  readonly text: string;
  readonly artifacts: readonly { id: string; name: string; bytes: number }[];
}

/** What became of a worker as the model reads it: JSON `{ worker, status, text, artifacts }`. */
export function describeResult(runId: string, end: Pick<EventOf<'run.finished'>, 'result' | 'error'>): string {
  return JSON.stringify(reportOf(runId, end), undefined, 2);
}

function reportOf(runId: string, { result, error }: Pick<EventOf<'run.finished'>, 'result' | 'error'>): WorkerReport {
  const text = [result.text, error?.message ?? '', error?.remedy ?? ''].filter((part) => part !== '').join('\n\n');
  return { worker: runId, status: result.kind, text, artifacts: result.artifacts };
}

export function rowReport(row: RunsTable): WorkerReport {
  const settled = row.finished_at !== null || row.state === 'asked';
  if (!settled || row.result === null) return { worker: row.id, status: 'running', text: '', artifacts: [] };
  return reportOf(row.id, {
    result: RunResult.parse(JSON.parse(row.result)),
    error: row.error === null ? undefined : ErrorInfo.parse(JSON.parse(row.error)),
  });
}

export async function labelOf(runId: string, journal: Pick<Journal, 'read'>): Promise<Label> {
  const events = await journal.read({ runId });
  return foldEvents(events.map((stored) => stored.event)).label;
}

export async function outcomeOf(row: RunsTable, journal: Pick<Journal, 'read'>): Promise<ToolOutcome> {
  const report = rowReport(row);
  const data = { ...report, artifacts: [...report.artifacts] };
  return {
    status: report.status === 'error' ? 'error' : 'ok',
    text: JSON.stringify(data, undefined, 2),
    data,
    label: await labelOf(row.id, journal),
  };
}

/** Several workers as one result, in the order they were asked for. */
export async function outcomeOfMany(
  rows: readonly RunsTable[],
  { journal, also = {} }: { journal: Pick<Journal, 'read'>; also?: Readonly<Record<string, string[]>> },
): Promise<ToolOutcome> {
  const labels = await Promise.all(rows.map((row) => labelOf(row.id, journal)));
  const workers = rows.map((row) => {
    const report = rowReport(row);
    return { ...report, artifacts: [...report.artifacts], template: row.template ?? '', task: row.title };
  });
  const count = (status: WorkerReport['status']): number => workers.filter((one) => one.status === status).length;
  const data = {
    results: count('result'),
    questions: count('question'),
    errors: count('error'),
    running: count('running'),
    workers,
    ...also,
  };
  const allFailed = workers.length > 0 && data.errors === workers.length;
  return {
    status: allFailed ? 'error' : 'ok',
    text: JSON.stringify(data, undefined, 2),
    data,
    label: labels.reduce(joinLabels, SYSTEM_LABEL),
  };
}
