import { ErrorInfo } from '../../protocol/event.ts';
import { joinLabels, type Label, SYSTEM_LABEL } from '../../protocol/label.ts';
import { RunResult } from '../../protocol/run.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import type { Journal } from '../journal/journal.ts';
import type { Fields } from '../quarantine/fields.ts';
import { foldEvents } from '../runs/progress.ts';
import { specOf } from '../runs/run-store.ts';
import type { RunsTable } from '../runs/tables.ts';
import { resultData, resultLabel, type WorkerEnd } from './worker-result.ts';

/** What a worker came to, as the model reads it: `running` while it is not over. */
export type WorkerReport = ReturnType<typeof resultData> | Running;

type Running = { worker: string; status: 'running'; text: string; artifacts: [] };

/** What became of a worker as the model reads it: JSON `{ worker, status, text or fields, artifacts }`. */
export function describeResult(runId: string, end: WorkerEnd, fields: Fields | undefined): string {
  return JSON.stringify(resultData(runId, end, fields), undefined, 2);
}

function endOf(row: RunsTable): WorkerEnd | undefined {
  const settled = row.finished_at !== null || row.state === 'asked';
  if (!settled || row.result === null) return undefined;
  return {
    result: RunResult.parse(JSON.parse(row.result)),
    error: row.error === null ? undefined : ErrorInfo.parse(JSON.parse(row.error)),
  };
}

export function rowReport(row: RunsTable): WorkerReport {
  const end = endOf(row);
  if (end === undefined) return { worker: row.id, status: 'running', text: '', artifacts: [] };
  return resultData(row.id, end, specOf(row).resultFields);
}

/** What a report says, whatever form it has. */
export const reportText = (report: WorkerReport): string =>
  'fields' in report ? JSON.stringify(report.fields) : report.text;

async function reportLabel(row: RunsTable, journal: Pick<Journal, 'read'>): Promise<Label> {
  const end = endOf(row);
  const label = await labelOf(row.id, journal);
  return end === undefined ? label : resultLabel(label, end, specOf(row).resultFields);
}

export async function labelOf(runId: string, journal: Pick<Journal, 'read'>): Promise<Label> {
  const events = await journal.read({ runId });
  return foldEvents(events.map((stored) => stored.event)).label;
}

export async function outcomeOf(row: RunsTable, journal: Pick<Journal, 'read'>): Promise<ToolOutcome> {
  const data = rowReport(row);
  return {
    status: data.status === 'error' ? 'error' : 'ok',
    text: JSON.stringify(data, undefined, 2),
    data,
    label: await reportLabel(row, journal),
  };
}

/** Several workers as one result, in the order they were asked for. */
export async function outcomeOfMany(
  rows: readonly RunsTable[],
  { journal, also = {} }: { journal: Pick<Journal, 'read'>; also?: Readonly<Record<string, string[]>> },
): Promise<ToolOutcome> {
  const labels = await Promise.all(rows.map((row) => reportLabel(row, journal)));
  const workers = rows.map((row) => {
    return { ...rowReport(row), template: row.template ?? '', task: row.title };
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
