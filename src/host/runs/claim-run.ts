import type { JournalEvent } from '../../protocol/event.ts';
import { covers, joinLabels, SYSTEM_LABEL } from '../../protocol/label.ts';
import type { Statement } from '../../storage/store.ts';
import { foldEvents } from './progress.ts';
import type { RunManagerDeps } from './run-manager.ts';
import { specOf } from './run-store.ts';
import { createRunWriter, type RunWriter } from './run-writer.ts';
import type { RunSpec } from './spec.ts';
import type { RunsTable } from './tables.ts';

/** Takes a run over: whoever held it before can write nothing more. */
export async function claim(row: RunsTable, deps: RunManagerDeps): Promise<RunWriter> {
  const { writer, statement } = await prepareClaim(row, deps);
  await deps.store.write([statement]);
  return writer;
}

/** The writer that will hold once `statement` is committed. */
export async function prepareClaim(
  row: RunsTable,
  deps: RunManagerDeps,
): Promise<{ writer: RunWriter; statement: Statement }> {
  const stored = await deps.journal.read({ runId: row.id });
  const progress = foldEvents(stored.map((item) => item.event));
  const statement = deps.runs.claim(row, deps.clock.now(), progress.started !== undefined);
  return {
    statement,
    writer: createRunWriter({ runId: row.id, epoch: row.epoch + 1, spec: specOf(row), progress }, deps),
  };
}

/** Takes the run over and writes its first events, or the note that it goes on: one unit, so one wait for the disk. */
export async function claimAndBegin(
  row: RunsTable,
  deps: RunManagerDeps & { cause: string | undefined },
): Promise<RunWriter> {
  const { writer, statement } = await prepareClaim(row, deps);
  const isNew = writer.progress.started === undefined;
  const opening = isNew ? await firstEvents(writer, deps) : [resumedEvent(writer, deps.cause)];
  await writer.append(opening, [statement]);
  return writer;
}

/** A turn is led by what earlier turns have read, so it begins with their label. */
async function firstEvents({ runId, spec }: RunWriter, deps: RunManagerDeps): Promise<JournalEvent[]> {
  const messageId = spec.messageId === undefined ? {} : { messageId: spec.messageId };
  const opening: JournalEvent[] = [startedEvent(spec), { type: 'input.received', ...spec.input, ...messageId }];
  const label = await deps.earlierLabel(runId, spec);
  if (label === undefined || covers(joinLabels(SYSTEM_LABEL, spec.input.label), label)) return opening;
  return [...opening, { type: 'context.labelled', from: 'session', label }];
}

function resumedEvent({ progress, epoch }: RunWriter, cause: string | undefined): JournalEvent {
  const interrupted = progress.batch
    .filter((call) => call.started && call.outcome === undefined)
    .map((call) => call.effectId);
  return { type: 'run.resumed', epoch, interrupted, ...(cause === undefined ? {} : { cause }) };
}

function startedEvent(spec: RunSpec): JournalEvent {
  return {
    type: 'run.started',
    kind: spec.kind,
    agentId: spec.agentId,
    sessionId: spec.sessionId,
    parentRunId: spec.parentRunId,
    template: spec.template,
    model: spec.model,
    tools: spec.tools,
    systemPrompt: spec.systemPrompt,
    limits: spec.limits,
  };
}
