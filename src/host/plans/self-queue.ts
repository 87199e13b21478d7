import type { Clock } from '../../base/clock.ts';
import { uuidv7 } from '../../base/id.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { Label } from '../../protocol/label.ts';
import { readAll, readOne, run, toStatement } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { SelfQueueTable } from './tables.ts';
import type { WakeUp } from './wake-up.ts';

/**
 * An agent's notes to itself, for later: each is delivered once, as a message of the host's in the conversation it was
 * written in, when it is due. It carries the label of what the agent had seen, so a stranger's words stay a stranger's.
 */
export interface SelfQueue {
  add(item: { agentId: string; sessionId: string; text: string; dueAt: number; label: Label }): Promise<SelfQueueTable>;
  /** Oldest due first. */
  open(agentId: string): Promise<SelfQueueTable[]>;
  remove(id: string, agentId: string): Promise<void>;
  /** Delivers what is due. Returns how many. */
  deliver(): Promise<number>;
}

const MOST_OPEN = 50;

export function createSelfQueue(deps: { store: Store; sql: HostSql; clock: Clock; wakeUp: () => WakeUp }): SelfQueue {
  const { store, sql, clock } = deps;
  const openRows = () => sql.selectFrom('self_queue').selectAll().where('state', '=', 'open').orderBy('due_at');
  const open: SelfQueue['open'] = (agentId) => readAll(store, openRows().where('agent_id', '=', agentId));
  const close = (id: string, state: string) =>
    sql.updateTable('self_queue').set({ state }).where('id', '=', id).where('state', '=', 'open');
  return {
    open,
    async add({ agentId, sessionId, text, dueAt, label }) {
      if ((await open(agentId)).length >= MOST_OPEN) {
        throw new HoldfastError('tool.failed', `${agentId} has ${MOST_OPEN} open notes to itself already.`, {
          remedy: 'Remove one with self_queue_remove.',
        });
      }
      const row: SelfQueueTable = {
        id: `todo_${uuidv7()}`,
        agent_id: agentId,
        session_id: sessionId,
        text,
        label: JSON.stringify(label),
        state: 'open',
        due_at: dueAt,
        created_at: clock.now(),
      };
      await run(store, sql.insertInto('self_queue').values(row));
      return row;
    },
    async remove(id, agentId) {
      const row = await readOne(store, openRows().where('id', '=', id).where('agent_id', '=', agentId));
      if (row === undefined) throw new HoldfastError('not-found', `${agentId} has no open note ${id}.`);
      await run(store, close(id, 'dropped'));
    },
    async deliver() {
      const due = await readAll(store, openRows().where('due_at', '<=', clock.now()).limit(100));
      let delivered = 0;
      for (const row of due) {
        const text = `Your note to yourself is due: ${row.text}`;
        const label = Label.parse(JSON.parse(row.label));
        const once = [toStatement(close(row.id, 'delivered'), { expectRows: 1 })];
        const message = { sessionId: row.session_id, key: `note:${row.id}`, text, label };
        if (await deps.wakeUp().send(message, once)) delivered += 1;
      }
      return delivered;
    },
  };
}
