import { HoldfastError } from '../../protocol/error.ts';
import { readAll, readOne } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { ApprovalsTable } from './tables.ts';

/** Reads of the questions' rows. */
export interface ApprovalRows {
  /** Throws `not-found`. */
  get(id: string): Promise<ApprovalsTable>;
  /** Newest first. */
  list(state: 'pending' | 'all'): Promise<ApprovalsTable[]>;
  /** The open question that this word names. */
  named(nonce: string): Promise<ApprovalsTable | undefined>;
  /** How many of an agent's questions wait. */
  countPending(agentId: string): Promise<number>;
}

export function createApprovalRows({ store, sql }: { store: Store; sql: HostSql }): ApprovalRows {
  const all = () => sql.selectFrom('approvals').selectAll();
  return {
    async get(id) {
      const row = await readOne(store, all().where('id', '=', id));
      if (row === undefined) throw new HoldfastError('not-found', `There is no approval ${id}.`);
      return row;
    },
    list: (state) => {
      const newest = all().orderBy('requested_at', 'desc').limit(500);
      return readAll(store, state === 'pending' ? newest.where('state', '=', 'pending') : newest);
    },
    named: (nonce) => readOne(store, all().where('nonce', '=', nonce).where('state', '=', 'pending')),
    async countPending(agentId) {
      const open = sql.selectFrom('approvals').where('agent_id', '=', agentId).where('state', '=', 'pending');
      return Number((await readOne(store, open.select(sql.fn.countAll().as('n'))))?.n ?? 0);
    },
  };
}
