import { HoldfastError } from '../../protocol/error.ts';
import type { RunState } from '../../protocol/run.ts';
import { readAll, readOne, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import { cleanSpec } from './clean-event.ts';
import { RunSpec } from './spec.ts';
import type { RunsTable } from './tables.ts';

export interface RunFilter {
  readonly agentId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly parentRunId?: string | undefined;
  readonly active?: boolean | undefined;
  /** Only what acts for this person, or is of one of these sessions. */
  readonly seenBy?: SeenBy | undefined;
  readonly limit: number;
}

export interface SeenBy {
  readonly person: string;
  readonly sessions: readonly string[];
}

/** The ids of the runs that somebody may see, for a query of another table. */
export function runsSeenBy(sql: HostSql, { person, sessions }: SeenBy) {
  return sql
    .selectFrom('runs')
    .select('id')
    .where((where) => where.or([where('principal', '=', person), where('session_id', 'in', ['', ...sessions])]));
}

/** Reads of the `runs` table and the statements that create and claim a row. */
export interface RunStore {
  insert(id: string, spec: RunSpec, at: number): Statement;
  /** Takes the run over: raises its epoch. The guard fails when it is terminal or someone else was faster. */
  claim(run: RunsTable, at: number, resumed: boolean): Statement;
  find(id: string): Promise<RunsTable | undefined>;
  /** Throws `not-found`. */
  get(id: string): Promise<RunsTable>;
  /** Runs that are not terminal, oldest first. */
  open(): Promise<RunsTable[]>;
  list(filter: RunFilter): Promise<RunsTable[]>;
  /** Earlier chat runs of a session, oldest first. */
  chatsOf(sessionId: string): Promise<RunsTable[]>;
  count(states: readonly RunState[]): Promise<number>;
  /** Chats of one agent that wait for their turn. */
  countQueued(agentId: string): Promise<number>;
}

export const specOf = (run: RunsTable): RunSpec => RunSpec.parse(JSON.parse(run.spec));

export function createRunStore(store: Store, sql: HostSql): RunStore {
  const find = (id: string): Promise<RunsTable | undefined> =>
    readOne(store, sql.selectFrom('runs').selectAll().where('id', '=', id));
  return {
    insert: (id, spec, at) => toStatement(sql.insertInto('runs').values(newRow(id, cleanSpec(spec), at))),
    claim: (run, at, resumed) =>
      toStatement(
        sql
          .updateTable('runs')
          .set({
            epoch: run.epoch + 1,
            state: 'running',
            waiting_for: null,
            started_at: run.started_at ?? at,
            progress_at: at,
            resumes: run.resumes + (resumed ? 1 : 0),
          })
          .where('id', '=', run.id)
          .where('epoch', '=', run.epoch)
          .where('state', 'not in', ['done', 'failed', 'cancelled']),
        { expectRows: 1 },
      ),
    find,
    async get(id) {
      const run = await find(id);
      if (run === undefined) throw new HoldfastError('not-found', `There is no run ${id}.`);
      return run;
    },
    open: () =>
      readAll(
        store,
        sql.selectFrom('runs').selectAll().where('finished_at', 'is', null).orderBy('created_at').orderBy('id'),
      ),
    list(filter) {
      let query = sql
        .selectFrom('runs')
        .selectAll()
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(filter.limit);
      if (filter.agentId !== undefined) query = query.where('agent_id', '=', filter.agentId);
      if (filter.sessionId !== undefined) query = query.where('session_id', '=', filter.sessionId);
      if (filter.parentRunId !== undefined) query = query.where('parent_run_id', '=', filter.parentRunId);
      const { seenBy } = filter;
      if (seenBy !== undefined)
        query = query.where((where) =>
          where.or([where('principal', '=', seenBy.person), where('session_id', 'in', ['', ...seenBy.sessions])]),
        );
      if (filter.active === true) query = query.where('finished_at', 'is', null);
      return readAll(store, query);
    },
    chatsOf: (sessionId) =>
      readAll(
        store,
        sql
          .selectFrom('runs')
          .selectAll()
          .where('session_id', '=', sessionId)
          .where('kind', '=', 'chat')
          .orderBy('created_at')
          .orderBy('id'),
      ),
    async countQueued(agentId) {
      const row = await readOne(
        store,
        sql
          .selectFrom('runs')
          .select(sql.fn.countAll().as('n'))
          .where('state', '=', 'queued')
          .where('finished_at', 'is', null)
          .where('kind', '=', 'chat')
          .where('agent_id', '=', agentId),
      );
      return Number(row?.n ?? 0);
    },
    async count(states) {
      const row = await readOne(
        store,
        sql
          .selectFrom('runs')
          .select(sql.fn.countAll().as('n'))
          .where('state', 'in', [...states]),
      );
      return Number(row?.n ?? 0);
    },
  };
}

function newRow(id: string, spec: RunSpec, at: number): RunsTable {
  return {
    id,
    kind: spec.kind,
    agent_id: spec.agentId,
    session_id: spec.sessionId ?? null,
    parent_run_id: spec.parentRunId ?? null,
    message_id: spec.messageId ?? null,
    template: spec.template ?? null,
    title: spec.title,
    model: spec.model,
    state: 'queued',
    waiting_for: null,
    wait_owner: null,
    wait_deadline: null,
    overdue_at: null,
    epoch: 0,
    resumes: 0,
    principal: spec.principal,
    spec: JSON.stringify(spec),
    steps: 0,
    tool_calls: 0,
    cost_usd: 0,
    result: null,
    error: null,
    created_at: at,
    started_at: null,
    finished_at: null,
    progress_at: at,
  };
}
