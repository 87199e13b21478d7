import type { Clock } from '../../base/clock.ts';
import { JournalEvent, type LiveEvent, type StoredEvent } from '../../protocol/event.ts';
import { readAll, toStatement } from '../../storage/query.ts';
import type { Row, Statement, Store } from '../../storage/store.ts';
import { createEventRows } from '../audit/event-rows.ts';
import type { HostSql } from '../database.ts';
import { runsSeenBy, type SeenBy } from '../runs/run-store.ts';
import { EVENT_VERSION } from './tables.ts';

/**
 * The append-only journal. Rows that derive from an event are written in the same unit as the event, so they can never
 * disagree; its audit row, where it has one, is there too, whoever appends it. Subscribers hear of an event only after it is durable, in the order of `seq`.
 */
export interface Journal {
  append(events: readonly NewEvent[], also?: readonly Statement[]): Promise<StoredEvent[]>;
  read(filter: EventFilter): Promise<StoredEvent[]>;
  lastSeq(): Promise<number>;
  /** Tells screens something that is not worth keeping. */
  live(event: LiveEvent): void;
  subscribe(listener: JournalListener): Disposable;
}

export interface NewEvent {
  readonly runId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly agentId?: string | undefined;
  readonly event: JournalEvent;
}

export interface EventFilter {
  readonly after?: number | undefined;
  readonly runId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly limit?: number | undefined;
  /** Only of runs that this person may see, and what is told to everybody. */
  readonly seenBy?: SeenBy | undefined;
}

export interface JournalListener {
  event(event: StoredEvent): void;
  live(event: LiveEvent): void;
}

export function createJournal(deps: { store: Store; sql: HostSql; clock: Clock }): Journal {
  const { store, sql, clock } = deps;
  const listeners = new Set<JournalListener>();
  const auditRows = createEventRows(sql);

  const insert = (item: NewEvent, at: number): Statement =>
    toStatement(
      sql
        .insertInto('events')
        .values({
          run_id: item.runId ?? null,
          session_id: item.sessionId ?? null,
          agent_id: item.agentId ?? null,
          at,
          type: item.event.type,
          version: EVENT_VERSION,
          payload: JSON.stringify(item.event),
        })
        .returning('seq'),
    );

  return {
    async append(events, also = []) {
      const at = clock.now();
      // Guards stand in `also`; first, so that nothing of a refused unit is ever numbered.
      const audit = events.flatMap((item) => auditRows(item, at));
      const results = await store.write([...also, ...events.map((item) => insert(item, at)), ...audit]);
      const stored = events.map(
        (item, index): StoredEvent => ({
          seq: Number(results[also.length + index]?.rows[0]?.['seq']),
          runId: item.runId,
          sessionId: item.sessionId,
          agentId: item.agentId,
          at,
          event: item.event,
        }),
      );
      for (const event of stored) for (const listener of listeners) listener.event(event);
      return stored;
    },
    async read(filter) {
      let query = sql.selectFrom('events').selectAll().orderBy('seq');
      if (filter.after !== undefined) query = query.where('seq', '>', filter.after);
      if (filter.runId !== undefined) query = query.where('run_id', '=', filter.runId);
      if (filter.sessionId !== undefined) query = query.where('session_id', '=', filter.sessionId);
      const { seenBy } = filter;
      if (seenBy !== undefined)
        query = query.where((where) =>
          where.or([where('run_id', 'in', runsSeenBy(sql, seenBy)), where('type', 'in', [...TOLD_TO_EVERYBODY])]),
        );
      if (filter.limit !== undefined) query = query.limit(filter.limit);
      return (await store.read(toStatement(query))).map(toStored);
    },
    async lastSeq() {
      const rows = await readAll(store, sql.selectFrom('events').select(sql.fn.max('seq').as('seq')));
      return Number(rows[0]?.seq ?? 0);
    },
    live(event) {
      for (const listener of listeners) listener.live(event);
    },
    subscribe(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };
}

/** What concerns whoever uses an install. */
export const TOLD_TO_EVERYBODY: readonly JournalEvent['type'][] = ['freeze.changed'];

const optional = (value: Row[string] | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

function toStored(row: Row): StoredEvent {
  return {
    seq: Number(row['seq']),
    runId: optional(row['run_id']),
    sessionId: optional(row['session_id']),
    agentId: optional(row['agent_id']),
    at: Number(row['at']),
    event: JournalEvent.parse(JSON.parse(String(row['payload']))),
  };
}
