import type { Clock } from '../../base/clock.ts';
import { uuidv7 } from '../../base/id.ts';
import type { EventOf } from '../../protocol/event.ts';
import { Label } from '../../protocol/label.ts';
import { readAll, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { RunWriter } from '../runs/run-writer.ts';
import type { LateInputsTable } from './tables.ts';

/**
 * What is said to a run while it runs. A row is accepted only while its run is open, and the run takes it in the unit
 * that journals it, so it is read once or, when the run ended first, still there to become a run of its own.
 */
export interface LateInputs {
  /** For the unit of the caller's; its guard fails when the run is over. Call `noticed` once it is committed. */
  add(runId: string, input: LateInput): Statement[];
  /** The run looks again before its next step. */
  noticed(runId: string): void;
  /** Journals what came since the last look. Only between two steps: no tool call may be open. */
  take(writer: RunWriter): Promise<void>;
  /** What no run has taken, oldest first. */
  pending(runId: string): Promise<LateInputsTable[]>;
  /** Runs that ended without taking everything. */
  endedUnread(): Promise<string[]>;
  /** For the unit that makes something else of it. */
  settle(row: LateInputsTable, state: 'taken' | 'requeued' | 'missed'): Statement;
}

export interface LateInput {
  readonly source: 'user' | 'parent' | 'host';
  readonly text: string;
  readonly label: Label;
  readonly messageId?: string;
}

/** How often new input may keep a run from giving its final answer; what comes later gets a run of its own. */
const MOST_INTERRUPTIONS = 3;

export function createLateInputs(deps: { store: Store; sql: HostSql; clock: Clock }): LateInputs {
  const { store, sql, clock } = deps;
  const noticed = new Set<string>();
  const pending = (runId: string): Promise<LateInputsTable[]> =>
    readAll(
      store,
      sql
        .selectFrom('late_inputs')
        .selectAll()
        .where('run_id', '=', runId)
        .where('state', '=', 'pending')
        .orderBy('created_at')
        .orderBy('id'),
    );
  const settle: LateInputs['settle'] = (row, state) =>
    toStatement(sql.updateTable('late_inputs').set({ state }).where('id', '=', row.id).where('state', '=', 'pending'), {
      expectRows: 1,
    });
  return {
    pending,
    settle,
    noticed: (runId) => void noticed.add(runId),
    add: (runId, input) => [
      toStatement(
        sql
          .updateTable('runs')
          .set((row) => ({ progress_at: row.ref('progress_at') }))
          .where('id', '=', runId)
          .where('finished_at', 'is', null),
        { expectRows: 1 },
      ),
      toStatement(sql.insertInto('late_inputs').values(newRow(runId, input, clock.now()))),
    ],
    async take(writer) {
      if (!noticed.has(writer.runId) || !mayTake(writer)) return;
      noticed.delete(writer.runId);
      const rows = await pending(writer.runId);
      if (rows.length === 0) return;
      await writer.append(
        rows.map(toEvent),
        rows.map((row) => settle(row, 'taken')),
      );
    },
    async endedUnread() {
      const rows = await readAll(
        store,
        sql
          .selectFrom('late_inputs')
          .innerJoin('runs', 'runs.id', 'late_inputs.run_id')
          .select('late_inputs.run_id')
          .distinct()
          .where('late_inputs.state', '=', 'pending')
          .where('runs.finished_at', 'is not', null),
      );
      return rows.map((row) => row.run_id);
    },
  };
}

function mayTake({ progress }: RunWriter): boolean {
  if (progress.batch.length > 0 || progress.started === undefined || progress.finished !== undefined) return false;
  return progress.unanswered || progress.interruptions < MOST_INTERRUPTIONS;
}

function toEvent(row: LateInputsTable): EventOf<'input.received'> {
  return {
    type: 'input.received',
    source: row.source === 'parent' || row.source === 'host' ? row.source : 'user',
    text: row.text,
    label: Label.parse(JSON.parse(row.label)),
    late: true,
    ...(row.message_id === null ? {} : { messageId: row.message_id }),
  };
}

function newRow(runId: string, input: LateInput, at: number): LateInputsTable {
  return {
    id: `inp_${uuidv7().replaceAll('-', '')}`,
    run_id: runId,
    message_id: input.messageId ?? null,
    source: input.source,
    text: input.text,
    label: JSON.stringify(input.label),
    state: 'pending',
    created_at: at,
  };
}
