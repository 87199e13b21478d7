import type { Clock } from '../../base/clock.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { JsonValue } from '../../protocol/json.ts';
import type { Label } from '../../protocol/label.ts';
import { readAll, readOne, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import { labels } from '../labels/stored-label.ts';
import { wasRefused } from '../steering/refused-unit.ts';
import type { TasksTable } from './tables.ts';
import { isOver, leadTo, type TaskState } from './task-states.ts';

/** The board of work items: rows, and the guarded changes of their states. What a change sets off is `task-flow.ts`. */
export interface Tasks {
  get(id: string): Promise<TasksTable>;
  find(id: string): Promise<TasksTable | undefined>;
  /** Throws when a limit or a dependency forbids it. */
  prepare(task: NewTask, id: string): Promise<{ row: TasksTable; statements: Statement[] }>;
  list(filter: TaskFilter): Promise<TasksTable[]>;
  /** Open tasks that this one waits for. */
  waitsFor(id: string): Promise<TasksTable[]>;
  /** Tasks that wait for this one. */
  dependents(id: string): Promise<TasksTable[]>;
  ofRun(runId: string): Promise<TasksTable[]>;
  /** Open tasks that were handed off while this one was worked on. */
  openChildren(id: string): Promise<TasksTable[]>;
  /** Tasks that this run worked on and that are not open any more, or blocked. */
  closedBy(runId: string): Promise<TasksTable[]>;
  /** The guarded change; its unit is refused when the task has moved on. */
  change(row: TasksTable, to: TaskState, set?: TaskChange): Statement;
  /** This run works on it from now on; its end is the task's. */
  bind(row: TasksTable, runId: string): Promise<void>;
  judge(row: TasksTable, outcome: string): Promise<void>;
  /** One of many wins: takes an open, unassigned task. Throws `conflict` for the others. */
  claim(row: TasksTable, agentId: string): Promise<TasksTable>;
}

export type TaskChange = Partial<
  Pick<TasksTable, 'note' | 'result' | 'result_label' | 'evidence' | 'run_id' | 'assignee' | 'outcome'>
>;

export interface NewTask {
  readonly team: string | undefined;
  readonly creator: string;
  readonly assignee: string | undefined;
  readonly summary: string;
  readonly brief: string;
  readonly data: JsonValue;
  readonly label: Label;
  readonly priority: number;
  readonly parentId: string | undefined;
  readonly dependsOn: readonly string[];
  readonly required: readonly string[];
  readonly principal: string;
  readonly sessionId: string | undefined;
}

export interface TaskFilter {
  readonly assignee?: string | undefined;
  readonly creator?: string | undefined;
  readonly team?: string | undefined;
  readonly open?: boolean | undefined;
  readonly limit: number;
}

export const MOST_OPEN = 200;
export const DEEPEST = 25;

export function createTasks(deps: { store: Store; sql: HostSql; clock: Clock }): Tasks {
  const { store, sql, clock } = deps;
  const all = () => sql.selectFrom('tasks').selectAll();
  const find = (id: string) => readOne(store, all().where('id', '=', id));
  const get = async (id: string): Promise<TasksTable> => {
    const row = await find(id);
    if (row !== undefined) return row;
    throw new HoldfastError('not-found', `There is no task ${id}.`, { remedy: 'check_inbox lists yours.' });
  };
  const change: Tasks['change'] = (row, to, set = {}) =>
    toStatement(
      sql
        .updateTable('tasks')
        .set({
          ...set,
          state: to,
          version: row.version + 1,
          updated_at: clock.now(),
          finished_at: isOver(to) ? clock.now() : null,
        })
        .where('id', '=', row.id)
        .where('version', '=', row.version)
        .where('state', 'in', [row.state, ...leadTo(to)])
        .where('finished_at', 'is', null),
      { expectRows: 1 },
    );
  return {
    get,
    find,
    change,
    async prepare(task, id) {
      const parent = task.parentId === undefined ? undefined : await get(task.parentId);
      if (parent !== undefined && parent.depth >= DEEPEST) throw tooDeep(parent);
      if (task.assignee !== undefined) await mustHaveRoom(task.assignee, deps);
      for (const id of task.dependsOn) await get(id);
      const row = newRow(id, task, { parent, now: clock.now() });
      const edges = task.dependsOn.map((depends_on) =>
        toStatement(sql.insertInto('task_dependencies').values({ task_id: id, depends_on })),
      );
      return { row, statements: [toStatement(sql.insertInto('tasks').values(row)), ...edges] };
    },
    list({ assignee, creator, team, open, limit }) {
      let query = all().orderBy('priority', 'desc').orderBy('created_at').limit(limit);
      if (assignee !== undefined) query = query.where('assignee', '=', assignee);
      if (creator !== undefined) query = query.where('creator', '=', creator);
      if (team !== undefined) query = query.where('team', '=', team);
      if (open === true) query = query.where('finished_at', 'is', null);
      return readAll(store, query);
    },
    waitsFor: (id) =>
      readAll(
        store,
        sql
          .selectFrom('task_dependencies')
          .innerJoin('tasks', 'tasks.id', 'task_dependencies.depends_on')
          .selectAll('tasks')
          .where('task_dependencies.task_id', '=', id)
          .where('tasks.state', '!=', 'done'),
      ),
    dependents: (id) =>
      readAll(
        store,
        sql
          .selectFrom('task_dependencies')
          .innerJoin('tasks', 'tasks.id', 'task_dependencies.task_id')
          .selectAll('tasks')
          .where('task_dependencies.depends_on', '=', id)
          .where('tasks.finished_at', 'is', null),
      ),
    ofRun: (runId) => readAll(store, all().where('run_id', '=', runId).where('finished_at', 'is', null)),
    bind: async (row, runId) => void (await store.write([change(row, 'working', { run_id: runId })])),
    async judge(row, outcome) {
      const judged = sql.updateTable('tasks').set({ outcome, updated_at: clock.now() }).where('id', '=', row.id);
      await store.write([toStatement(judged, { expectRows: 1 })]);
    },
    openChildren: (id) => readAll(store, all().where('parent_id', '=', id).where('finished_at', 'is', null)),
    closedBy: async (runId) =>
      (await readAll(store, all().where('run_id', '=', runId))).filter(
        ({ state }) => isOver(state) || state === 'blocked',
      ),
    async claim(row, agentId) {
      const open = row.assignee === null && !isOver(row.state);
      if (!open || (await wasRefused(store.write([change(row, 'accepted', { assignee: agentId })])))) {
        const now = await get(row.id);
        throw new HoldfastError('conflict', `The task ${row.id} is taken by ${now.assignee ?? 'nobody any more'}.`, {
          remedy: 'Claim another one; claim_task without an id takes the next open one.',
        });
      }
      return await get(row.id);
    },
  };
}

async function mustHaveRoom(
  agentId: string,
  { store, sql }: { readonly store: Store; readonly sql: HostSql },
): Promise<void> {
  const open = sql.selectFrom('tasks').where('assignee', '=', agentId).where('finished_at', 'is', null);
  const row = await readOne(store, open.select(sql.fn.countAll().as('n')));
  if (Number(row?.n ?? 0) < MOST_OPEN) return;
  throw new HoldfastError('rate-limited', `${agentId} has ${MOST_OPEN} open tasks already.`, {
    remedy: 'Wait until some are done, or hand it to somebody else.',
  });
}

function newRow(
  id: string,
  task: NewTask,
  { parent, now }: { parent: TasksTable | undefined; now: number },
): TasksTable {
  return {
    id,
    team: task.team ?? null,
    creator: task.creator,
    assignee: task.assignee ?? null,
    summary: task.summary,
    brief: task.brief,
    data: JSON.stringify(task.data),
    label: labels.store(task.label),
    state: 'pending',
    priority: task.priority,
    parent_id: parent?.id ?? null,
    root_id: parent?.root_id ?? id,
    depth: (parent?.depth ?? -1) + 1,
    required: JSON.stringify(task.required),
    evidence: '[]',
    note: '',
    result: null,
    result_label: null,
    outcome: null,
    principal: task.principal,
    session_id: task.sessionId ?? null,
    run_id: null,
    version: 1,
    created_at: now,
    updated_at: now,
    finished_at: null,
  };
}

function tooDeep(parent: TasksTable): HoldfastError {
  return new HoldfastError('tool.bad-input', `The task ${parent.id} is already ${DEEPEST} hand-offs deep.`, {
    remedy: 'Do it yourself, or report back that it cannot be done.',
  });
}
