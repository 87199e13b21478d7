import type { Clock } from '../../base/clock.ts';
import { newId, uuidv7 } from '../../base/id.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { ErrorInfo, EventOf } from '../../protocol/event.ts';
import { MessageId, RunId } from '../../protocol/ids.ts';
import type { RunLimits } from '../../protocol/run.ts';
import { readAll, readOne, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { Journal } from '../journal/journal.ts';
import type { RunSpec } from '../runs/spec.ts';
import type { Sessions } from './sessions.ts';
import type { InboxTable, SessionsTable } from './tables.ts';

/**
 * Inbound messages. The row, its run and the session's change are one unit, committed before the sender hears anything;
 * the answer is written in the unit that ends the run. So a message is answered once or ends with a named reason, and a
 * second delivery of the same platform id only finds the first.
 */
export interface Inbox {
  receive(envelope: Inbound): Promise<{ message: InboxTable; isNew: boolean }>;
  get(id: string): Promise<InboxTable>;
  /** Oldest first, the newest `limit`. */
  history(sessionId: string, limit: number): Promise<InboxTable[]>;
  /** The row of a message that the host itself writes, for a unit of the caller's. */
  add(message: Inbound & { id: string; platformMessageId: string; runId: string }): Statement;
  /** What the end of its run makes of a message. */
  finish(messageId: string, event: EventOf<'run.finished'>): Statement;
}

export interface Inbound {
  readonly channel: string;
  readonly platformMessageId: string | undefined;
  readonly session: SessionsTable;
  readonly principal: string;
  readonly text: string;
}

export interface InboxDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly sessions: Sessions;
  readonly limits: Pick<RunLimits, 'sessionRounds' | 'autoContinues'>;
  readonly specOf: (message: { id: string; text: string; session: SessionsTable }) => Promise<RunSpec>;
  readonly createRun: (spec: RunSpec, id: string) => { statement: Statement };
}

export function createInbox(deps: InboxDeps): Inbox {
  const { store, sql, clock } = deps;
  const rows = () => sql.selectFrom('inbox').selectAll();
  const findRepeated = (channel: string, id: string) =>
    readOne(store, rows().where('channel', '=', channel).where('platform_message_id', '=', id));

  const accept = async (inbound: Inbound, platformId: string): Promise<InboxTable> => {
    const { session } = inbound;
    const id = newId(MessageId, 'msg');
    const runId = newId(RunId, 'run');
    const over = session.rounds >= deps.limits.sessionRounds;
    const halted = over && session.continues >= deps.limits.autoContinues;
    const row = newRow(inbound, {
      id,
      platformId,
      runId,
      at: clock.now(),
      refusal: halted ? haltError(deps.limits) : undefined,
    });
    const insert = toStatement(sql.insertInto('inbox').values(row));
    if (halted) {
      await store.write([insert]);
      return row;
    }
    const spec = await deps.specOf({ id, text: inbound.text, session });
    const unit = [insert, deps.createRun(spec, runId).statement, deps.sessions.touch(session, inbound.text)];
    if (!over) await store.write(unit);
    else {
      const event = { type: 'run.continued', continues: session.continues + 1 } as const;
      await deps.journal.append(
        [{ runId, sessionId: session.id, agentId: session.agent_id, event }],
        [...unit, deps.sessions.goOn(session)],
      );
    }
    return row;
  };

  return {
    async receive(inbound) {
      const platformId = inbound.platformMessageId ?? uuidv7();
      const repeated = await findRepeated(inbound.channel, platformId);
      if (repeated !== undefined) return { message: repeated, isNew: false };
      try {
        return { message: await accept(inbound, platformId), isNew: true };
      } catch (thrown) {
        // Two deliveries of one message at the same time: the database let one of them in.
        const first =
          HoldfastError.from(thrown).code === 'conflict' ? await findRepeated(inbound.channel, platformId) : undefined;
        if (first === undefined) throw thrown;
        return { message: first, isNew: false };
      }
    },
    add: ({ id, runId, ...inbound }) =>
      toStatement(
        sql
          .insertInto('inbox')
          .values(
            newRow(inbound, { id, runId, platformId: inbound.platformMessageId, at: clock.now(), refusal: undefined }),
          ),
      ),
    async get(id) {
      const row = await readOne(store, rows().where('id', '=', id));
      if (row === undefined) throw new HoldfastError('not-found', `There is no message ${id}.`);
      return row;
    },
    async history(sessionId, limit) {
      const newest = rows()
        .where('session_id', '=', sessionId)
        .orderBy('received_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit);
      return (await readAll(store, newest)).reverse();
    },
    finish: (messageId, event) =>
      toStatement(
        sql
          .updateTable('inbox')
          .set({
            state: isAnswer(event) ? 'answered' : 'failed',
            answer: isAnswer(event) ? event.result.text : null,
            error: event.error === undefined ? null : JSON.stringify(event.error),
            finished_at: clock.now(),
          })
          .where('id', '=', messageId)
          .where('finished_at', 'is', null),
        { expectRows: 1 },
      ),
  };
}

/** A turn that ran out of rounds still answers with what it had; its error says that it is not all. */
function isAnswer(event: EventOf<'run.finished'>): boolean {
  if (event.state === 'done') return true;
  return event.error?.code === 'run.step-limit' && event.result.text.trim() !== '';
}

interface NewRow {
  readonly id: string;
  readonly platformId: string;
  readonly runId: string;
  readonly at: number;
  readonly refusal: ErrorInfo | undefined;
}

function newRow(inbound: Inbound, row: NewRow): InboxTable {
  return {
    id: row.id,
    channel: inbound.channel,
    platform_message_id: row.platformId,
    agent_id: inbound.session.agent_id,
    session_id: inbound.session.id,
    principal: inbound.principal,
    text: inbound.text,
    state: row.refusal === undefined ? 'received' : 'refused',
    run_id: row.refusal === undefined ? row.runId : '',
    answer: null,
    error: row.refusal === undefined ? null : JSON.stringify(row.refusal),
    received_at: row.at,
    finished_at: row.refusal === undefined ? null : row.at,
  };
}

function haltError(limits: InboxDeps['limits']): ErrorInfo {
  return {
    code: 'run.step-limit',
    message: `This session has used ${limits.sessionRounds} tool rounds ${limits.autoContinues + 1} times and is closed.`,
    remedy: 'Start a new session (/new), or raise limits.autoContinues in config.json.',
  };
}
