import type { Clock } from '../../base/clock.ts';
import { newId } from '../../base/id.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { SessionId } from '../../protocol/ids.ts';
import type { LaneMode } from '../../protocol/lane-mode.ts';
import { OWNER_PERSON } from '../../protocol/people.ts';
import { readAll, readOne, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { SeenBy } from '../runs/run-store.ts';
import type { SessionsTable } from './tables.ts';

/** A chat has many sessions and one active one. The CLI and the dashboard are the same chat: the owner's. */
export interface Sessions {
  get(id: string): Promise<SessionsTable>;
  list(agentId: string | undefined, seenBy?: SeenBy): Promise<SessionsTable[]>;
  /** The chat's active session, made if there is none. */
  active(chat: Chat): Promise<SessionsTable>;
  /** Makes a new one and makes it the active one; the old one stays readable. */
  begin(chat: Chat): Promise<SessionsTable>;
  /** For the unit that adds a message. The first message gives the session its title. */
  touch(session: SessionsTable, text: string): Statement;
  /** For the unit that ends a chat run. */
  addRounds(sessionId: string, rounds: number): Statement;
  setMode(sessionId: string, mode: LaneMode): Promise<void>;
  /** Starts counting rounds anew. */
  goOn(session: SessionsTable): Statement;
}

export interface Chat {
  readonly agentId: string;
  readonly channel: string;
  readonly chatId: string;
  /** The person it belongs to. Default: the owner. */
  readonly principal?: string | undefined;
}

const TITLE_LENGTH = 60;

export function createSessions(deps: { store: Store; sql: HostSql; clock: Clock }): Sessions {
  const { store, sql, clock } = deps;
  const ofChat = (chat: Chat) =>
    sql
      .selectFrom('sessions')
      .selectAll()
      .where('agent_id', '=', chat.agentId)
      .where('channel', '=', chat.channel)
      .where('chat_id', '=', chat.chatId);
  const findActive = (chat: Chat) => readOne(store, ofChat(chat).where('active', '=', 1));

  const begin = async (chat: Chat): Promise<SessionsTable> => {
    const row: SessionsTable = {
      id: newId(SessionId, 'ses'),
      agent_id: chat.agentId,
      channel: chat.channel,
      chat_id: chat.chatId,
      title: '',
      active: 1,
      mode: 'queue',
      rounds: 0,
      continues: 0,
      created_at: clock.now(),
      last_message_at: null,
      principal: chat.principal ?? OWNER_PERSON,
    };
    await store.write([
      toStatement(
        sql
          .updateTable('sessions')
          .set({ active: 0 })
          .where('agent_id', '=', chat.agentId)
          .where('channel', '=', chat.channel)
          .where('chat_id', '=', chat.chatId)
          .where('active', '=', 1),
      ),
      toStatement(sql.insertInto('sessions').values(row)),
    ]);
    return row;
  };

  const byId = (id: string) => sql.updateTable('sessions').where('id', '=', id);

  return {
    async get(id) {
      const row = await readOne(store, sql.selectFrom('sessions').selectAll().where('id', '=', id));
      if (row === undefined) throw new HoldfastError('not-found', `There is no session ${id}.`);
      return row;
    },
    list: (agentId, seenBy) => {
      let query = sql.selectFrom('sessions').selectAll().orderBy('created_at', 'desc').limit(500);
      if (agentId !== undefined) query = query.where('agent_id', '=', agentId);
      if (seenBy !== undefined)
        query = query.where((where) =>
          where.or([where('principal', '=', seenBy.person), where('id', 'in', ['', ...seenBy.sessions])]),
        );
      return readAll(store, query);
    },
    active: async (chat) => (await findActive(chat)) ?? (await begin(chat)),
    begin,
    touch: (session, text) =>
      toStatement(
        byId(session.id).set({
          last_message_at: clock.now(),
          title: session.title === '' ? text.replaceAll(/\s+/g, ' ').trim().slice(0, TITLE_LENGTH) : session.title,
        }),
      ),
    addRounds: (sessionId, rounds) =>
      toStatement(byId(sessionId).set((row) => ({ rounds: row('rounds', '+', rounds) }))),
    setMode: async (sessionId, mode) => void (await store.write([toStatement(byId(sessionId).set({ mode }))])),
    goOn: (session) => toStatement(byId(session.id).set({ rounds: 0, continues: session.continues + 1 })),
  };
}
