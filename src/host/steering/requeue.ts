import { toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { Inbox } from '../inbox/inbox.ts';
import type { Lanes } from '../inbox/lanes.ts';
import type { Sessions } from '../inbox/sessions.ts';
import type { InboxTable, SessionsTable } from '../inbox/tables.ts';
import { childRunId } from '../runs/hashes.ts';
import type { RunSpec } from '../runs/spec.ts';
import type { LateInputs } from './late-inputs.ts';
import type { LateInputsTable } from './tables.ts';

/**
 * A run may end a moment before it reads what was said to it. Then the messages become one run of their own, in one unit
 * with the rows that say so: none is lost, none is read twice.
 */
export interface RequeueDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly lateInputs: LateInputs;
  readonly inbox: Inbox;
  readonly lanes: Lanes;
  readonly sessions: Sessions;
  readonly specOf: (message: { id: string; text: string; session: SessionsTable }) => Promise<RunSpec>;
  readonly createRun: (spec: RunSpec, id: string) => { statement: Statement };
}

export type Requeue = (endedRunId: string) => Promise<void>;

export function createRequeue(deps: RequeueDeps): Requeue {
  const { store, lateInputs } = deps;
  return async (endedRunId) => {
    const rows = await lateInputs.pending(endedRunId);
    const said = rows.filter((row) => row.message_id !== null);
    const missed = rows.filter((row) => row.message_id === null).map((row) => lateInputs.settle(row, 'missed'));
    const [first, ...others] = await Promise.all(said.map((row) => deps.inbox.get(row.message_id ?? '')));
    if (first === undefined) {
      if (missed.length > 0) await store.write(missed);
      return;
    }
    const runId = childRunId(`late:${first.id}`);
    await store.write([...missed, ...(await newRun({ runId, said, first, others }, deps))]);
    deps.lanes.add(first.session_id, runId);
  };
}

interface LateRun {
  readonly runId: string;
  readonly said: readonly LateInputsTable[];
  readonly first: InboxTable;
  readonly others: readonly InboxTable[];
}

async function newRun({ runId, said, first, others }: LateRun, deps: RequeueDeps): Promise<Statement[]> {
  const { sql, lateInputs, sessions, specOf, createRun } = deps;
  const text = said.map((row) => row.text).join('\n\n');
  const session = await sessions.get(first.session_id);
  const spec = await specOf({ id: first.id, text, session });
  const moved = (message: InboxTable, mode: string, mergedInto: string | null): Statement =>
    toStatement(
      sql
        .updateTable('inbox')
        .set({ run_id: runId, mode, merged_into: mergedInto })
        .where('id', '=', message.id)
        .where('finished_at', 'is', null),
      { expectRows: 1 },
    );
  return [
    ...said.map((row) => lateInputs.settle(row, 'requeued')),
    moved(first, 'queue', null),
    ...others.map((message) => moved(message, 'collect', first.id)),
    createRun(spec, runId).statement,
  ];
}
