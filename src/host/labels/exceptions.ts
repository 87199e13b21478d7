import type { Clock } from '../../base/clock.ts';
import { uuidv7 } from '../../base/id.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { FlowException, NewFlowException } from '../../protocol/flow.ts';
import { readAll, readOne, toStatement } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { AuditSink } from '../audit/sink.ts';
import type { Principal } from '../control.ts';
import type { HostSql } from '../database.ts';
import type { FlowExceptionsTable } from './tables.ts';

/** The owner's exceptions from the rules of labels. One that expired or was removed stays as a row, for the record. */
export interface FlowExceptions {
  add(exception: NewFlowException, by: Principal): Promise<FlowException>;
  /** Those that hold now, newest first. */
  holding(): Promise<FlowException[]>;
  /** Throws `not-found` when it does not hold. */
  remove(id: string, by: Principal): Promise<FlowException>;
}

const MOST = 500;

export interface FlowExceptionsDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly clock: Clock;
  readonly audit: AuditSink;
}

export function createFlowExceptions({ store, sql, clock, audit }: FlowExceptionsDeps): FlowExceptions {
  const current = () =>
    sql.selectFrom('flow_exceptions').selectAll().where('removed_at', 'is', null).where('expires_at', '>', clock.now());

  return {
    async add({ subject, origin, sink, forMs, note }, by) {
      const at = clock.now();
      const row: FlowExceptionsTable = {
        id: `exc_${uuidv7()}`,
        ...{ subject, origin, sink, note },
        created_at: at,
        created_by: by.id,
        expires_at: at + forMs,
        removed_at: null,
        removed_by: null,
      };
      const entry = {
        actor: by.id,
        surface: by.surface,
        action: 'exception.made',
        target: row.id,
        outcome: 'done',
      } as const;
      await store.write([toStatement(sql.insertInto('flow_exceptions').values(row)), audit.row(entry)]);
      return toException(row);
    },
    async holding() {
      const rows = await readAll(store, current().orderBy('created_at', 'desc').orderBy('id', 'desc').limit(MOST));
      return rows.map(toException);
    },
    async remove(id, by) {
      const row = await readOne(store, current().where('id', '=', id));
      if (row === undefined) {
        throw new HoldfastError('not-found', `There is no exception ${id} that holds.`, {
          remedy: 'holdfast policy except list',
        });
      }
      const ended = sql.updateTable('flow_exceptions').set({ removed_at: clock.now(), removed_by: by.id });
      const statement = toStatement(ended.where('id', '=', id).where('removed_at', 'is', null));
      const entry = {
        actor: by.id,
        surface: by.surface,
        action: 'exception.ended',
        target: id,
        outcome: 'done',
      } as const;
      await store.write([statement, audit.row(entry)]);
      return toException(row);
    },
  };
}

function toException(row: FlowExceptionsTable): FlowException {
  return {
    ...{ id: row.id, subject: row.subject, origin: row.origin, sink: row.sink, note: row.note },
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
  };
}
