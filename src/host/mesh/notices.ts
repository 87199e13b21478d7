import type { Clock } from '../../base/clock.ts';
import { uuidv7 } from '../../base/id.ts';
import type { Logger } from '../../base/logger.ts';
import type { Label } from '../../protocol/label.ts';
import { readAll, readOne, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { Agents } from '../agents/agents.ts';
import type { HostSql } from '../database.ts';
import type { Inbox } from '../inbox/inbox.ts';
import type { Lanes } from '../inbox/lanes.ts';
import type { Sessions } from '../inbox/sessions.ts';
import { labels } from '../labels/stored-label.ts';
import type { NoticesTable } from './tables.ts';

/**
 * What agents are told. A notice is a row in the unit of what it is about; it becomes a message in the agent's inbox,
 * under an id of its own, so a crash in between neither loses nor doubles it. News (of the blackboard, of a topic) wake an
 * agent at most ten times an hour; what is over that waits until the agent looks (`check_inbox`) or the hour has passed.
 */
export interface Notices {
  row(notice: Notice): Statement;
  /** Hands on what waits. Call it after the unit; it is called at the start and now and then, too. */
  deliver(): Promise<void>;
  /** What waits for this agent; it counts as read from now on. */
  take(agentId: string): Promise<NoticesTable[]>;
}

export interface Notice {
  readonly agentId: string;
  readonly kind: 'news' | 'message' | 'task';
  readonly text: string;
  readonly label: Label;
}

export interface NoticesDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly clock: Clock;
  readonly agents: Pick<Agents, 'get'>;
  readonly sessions: Sessions;
  readonly inbox: Inbox;
  readonly lanes: Lanes;
  readonly log: Logger;
}

export const MESH_PRINCIPAL = 'mesh';
const MOST_NEWS_PER_HOUR = 10;
const HOUR_MS = 3_600_000;
const AT_ONCE = 200;

export function createNotices(deps: NoticesDeps): Notices {
  const { store, sql, clock } = deps;
  const waiting = () => sql.selectFrom('notices').selectAll().where('state', '=', 'pending').orderBy('id');
  const mark = (row: NoticesTable, state: string): Statement =>
    toStatement(
      sql
        .updateTable('notices')
        .set({ state, delivered_at: clock.now() })
        .where('id', '=', row.id)
        .where('state', '=', 'pending'),
    );
  let running: Promise<void> | undefined;
  let again = false;

  const deliverAll = async (): Promise<void> => {
    for (const row of await readAll(store, waiting().limit(AT_ONCE))) {
      try {
        const state = await hand(row, deps);
        if (state !== undefined) await store.write([mark(row, state)]);
      } catch (error) {
        deps.log.error('A notice could not be handed on', { notice: row.id, agent: row.agent_id, error });
      }
    }
  };

  return {
    row: ({ agentId, kind, text, label }) =>
      toStatement(
        sql.insertInto('notices').values({
          id: uuidv7(),
          agent_id: agentId,
          kind,
          text,
          label: labels.store(label),
          state: 'pending',
          created_at: clock.now(),
          delivered_at: null,
        }),
      ),
    async deliver() {
      again = true;
      running ??= (async () => {
        while (again) {
          again = false;
          await deliverAll();
        }
      })().finally(() => {
        running = undefined;
      });
      await running;
    },
    async take(agentId) {
      const rows = await readAll(store, waiting().where('agent_id', '=', agentId).limit(AT_ONCE));
      if (rows.length > 0) await store.write(rows.map((row) => mark(row, 'read')));
      return rows;
    },
  };
}

/** What became of it; undefined: it waits on. */
async function hand(row: NoticesTable, deps: NoticesDeps): Promise<string | undefined> {
  const agent = await deps.agents.get(row.agent_id).catch(() => undefined);
  if (agent === undefined || agent.status !== 'active') return 'dropped';
  if (row.kind === 'news' && (await newsOf(row.agent_id, deps)) >= MOST_NEWS_PER_HOUR) return undefined;
  const session = await deps.sessions.active({ agentId: row.agent_id, channel: 'mesh', chatId: 'mesh' });
  const { message, isNew } = await deps.inbox.receive({
    channel: 'mesh',
    platformMessageId: `notice:${row.id}`,
    session,
    principal: MESH_PRINCIPAL,
    text: row.text,
    label: labels.rejoin(row.label),
    mode: 'steer',
  });
  if (isNew && message.run_id !== '' && message.mode === 'queue') deps.lanes.add(session.id, message.run_id);
  return 'delivered';
}

async function newsOf(agentId: string, { store, sql, clock }: NoticesDeps): Promise<number> {
  const row = await readOne(
    store,
    sql
      .selectFrom('notices')
      .select(sql.fn.countAll().as('n'))
      .where('agent_id', '=', agentId)
      .where('kind', '=', 'news')
      .where('state', '=', 'delivered')
      .where('delivered_at', '>', clock.now() - HOUR_MS),
  );
  return Number(row?.n ?? 0);
}
