import type { LaneMode } from '../../protocol/lane-mode.ts';
import { readOne, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { SessionsTable } from '../inbox/tables.ts';
import { specOf } from '../runs/run-store.ts';
import type { RunSpec } from '../runs/spec.ts';
import type { RunsTable } from '../runs/tables.ts';
import type { LateInputs } from './late-inputs.ts';
import { wasRefused } from './refused-unit.ts';

/**
 * Finds the run that a message joins instead of starting one of its own: `steer` the one that is being executed,
 * `collect` the one that waits in the lane. Each joins by a guarded unit, so a run that ends or starts in between makes
 * the message an ordinary one.
 */
export interface Joining {
  /** Writes the message into a run that is there; undefined when there is none to join. */
  join(message: JoiningMessage, mode: LaneMode): Promise<Joined | undefined>;
}

export interface JoiningMessage {
  readonly id: string;
  readonly session: SessionsTable;
  readonly input: RunSpec['input'];
  /** The rows of the message itself, once it is known which run takes it. */
  readonly rows: (joined: Joined) => readonly Statement[];
}

export interface Joined {
  readonly mode: 'steer' | 'collect';
  readonly runId: string;
  /** The message that the run answers. */
  readonly mergedInto: string | null;
}

export function createJoining(deps: { store: Store; sql: HostSql; lateInputs: LateInputs }): Joining {
  const { store, sql, lateInputs } = deps;
  const open = (sessionId: string) =>
    sql
      .selectFrom('runs')
      .selectAll()
      .where('session_id', '=', sessionId)
      .where('kind', '=', 'chat')
      .where('finished_at', 'is', null)
      .orderBy('created_at')
      .orderBy('id')
      .limit(1);
  const collectInto = (run: RunsTable, { input }: JoiningMessage): Statement => {
    const spec = specOf(run);
    const joined = { ...spec, input: { ...spec.input, text: `${spec.input.text}\n\n${input.text}` } };
    return toStatement(
      sql
        .updateTable('runs')
        .set({ spec: JSON.stringify(joined) })
        .where('id', '=', run.id)
        .where('state', '=', 'queued')
        .where('spec', '=', run.spec),
      { expectRows: 1 },
    );
  };
  const steer = async (message: JoiningMessage): Promise<Joined | undefined> => {
    const run = await readOne(store, open(message.session.id).where('state', '!=', 'queued'));
    if (run === undefined) return undefined;
    const joined = { mode: 'steer', runId: run.id, mergedInto: run.message_id } as const;
    const late = lateInputs.add(run.id, { ...message.input, messageId: message.id });
    if (await wasRefused(store.write([...late, ...message.rows(joined)]))) return undefined;
    lateInputs.noticed(run.id);
    return joined;
  };
  const collect = async (message: JoiningMessage): Promise<Joined | undefined> => {
    const run = await readOne(store, open(message.session.id).where('state', '=', 'queued'));
    if (run === undefined || specOf(run).input.source !== 'user') return undefined;
    const joined = { mode: 'collect', runId: run.id, mergedInto: run.message_id } as const;
    const refused = await wasRefused(store.write([collectInto(run, message), ...message.rows(joined)]));
    // Someone else joined at the same moment: once more onto what it is now.
    return refused ? await collect(message) : joined;
  };
  return {
    join: async (message, mode) => {
      if (mode === 'steer') return await steer(message);
      return mode === 'collect' ? await collect(message) : undefined;
    },
  };
}
