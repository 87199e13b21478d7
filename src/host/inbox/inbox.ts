import type { Clock } from '../../base/clock.ts';
import { newId, uuidv7 } from '../../base/id.ts';
import { cleanText } from '../../protocol/clean-text.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { EventOf } from '../../protocol/event.ts';
import { MessageId } from '../../protocol/ids.ts';
import type { Label } from '../../protocol/label.ts';
import type { LaneMode } from '../../protocol/lane-mode.ts';
import type { RunLimits } from '../../protocol/run.ts';
import { readAll, readOne, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { Journal } from '../journal/journal.ts';
import type { RunSpec } from '../runs/spec.ts';
import type { Joining } from '../steering/joining.ts';
import { createAccept } from './accept.ts';
import { newRow } from './new-row.ts';
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
  /** A message that host code answers itself, at once and without a run; a repeated one is the first. */
  note(inbound: Inbound, answer: string): Promise<InboxTable>;
  /** What the end of its run makes of a message. */
  finish(messageId: string, event: EventOf<'run.finished'>): Statement[];
}

export interface Inbound {
  readonly channel: string;
  readonly platformMessageId: string | undefined;
  readonly session: SessionsTable;
  readonly principal: string;
  readonly text: string;
  /** Of a message that no person wrote. */
  readonly label?: Label | undefined;
  /** Default: the session's. */
  readonly mode?: LaneMode | undefined;
  /** The host's own answer, when the message was for the host and not for an agent. */
  readonly answer?: string | undefined;
}

export interface InboxDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly sessions: Sessions;
  readonly limits: Pick<RunLimits, 'sessionRounds' | 'autoContinues' | 'queuedMessages'>;
  readonly joining: Joining;
  /** Runs of an agent that wait for their turn. */
  readonly queued: (agentId: string) => Promise<number>;
  readonly specOf: (message: {
    id: string;
    text: string;
    session: SessionsTable;
    label?: Label | undefined;
  }) => Promise<RunSpec>;
  readonly createRun: (spec: RunSpec, id: string) => { statement: Statement };
}

export function createInbox(deps: InboxDeps): Inbox {
  const { store, sql, clock } = deps;
  const rows = () => sql.selectFrom('inbox').selectAll();
  const findRepeated = (channel: string, id: string) =>
    readOne(store, rows().where('channel', '=', channel).where('platform_message_id', '=', id));

  const accept = createAccept(deps);
  return {
    async receive(raw) {
      const inbound = { ...raw, text: readable(raw.text) };
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
    async note(inbound, answer) {
      const platformId = inbound.platformMessageId ?? uuidv7();
      const repeated = await findRepeated(inbound.channel, platformId);
      if (repeated !== undefined) return repeated;
      const at = clock.now();
      const row = newRow(inbound, { id: newId(MessageId, 'msg'), runId: '', platformId, at, refusal: undefined });
      const answered = { ...row, state: 'answered', answer, finished_at: at };
      await store.write([toStatement(sql.insertInto('inbox').values(answered))]);
      return answered;
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
    finish(messageId, event) {
      const open = sql
        .updateTable('inbox')
        .set({
          state: isAnswer(event) ? 'answered' : 'failed',
          answer: isAnswer(event) ? event.result.text : null,
          error: event.error === undefined ? null : JSON.stringify(event.error),
          finished_at: clock.now(),
        })
        .where('finished_at', 'is', null);
      const unread = sql
        .selectFrom('late_inputs')
        .select('message_id')

        .where('state', '=', 'pending')
        .where('message_id', 'is not', null);
      return [
        toStatement(open.where('id', '=', messageId), { expectRows: 1 }),
        // What the run has not read yet becomes a run of its own and is answered by that.
        toStatement(open.where('merged_into', '=', messageId).where('id', 'not in', unread)),
      ];
    },
  };
}

/** What a person can see of a message; the model gets no more than that. */
function readable(text: string): string {
  const clean = cleanText(text);
  if (clean.trim() !== '') return clean;
  throw new HoldfastError('bad-request', 'The message holds nothing that can be seen.', {
    remedy: 'Write it again; characters without a shape are taken out.',
  });
}

/** A turn that ran out of rounds still answers with what it had; its error says that it is not all. */
function isAnswer(event: EventOf<'run.finished'>): boolean {
  if (event.state === 'done') return true;
  return event.error?.code === 'run.step-limit' && event.result.text.trim() !== '';
}
