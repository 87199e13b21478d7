import type { Clock } from '../../base/clock.ts';
import { readAll, toStatement } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { AuditSink } from '../audit/sink.ts';
import type { Principal } from '../control.ts';
import type { HostSql } from '../database.ts';

/** Who may see a session besides the person it belongs to. To see is all: only its own person writes to it. */
export interface Shares {
  sees(person: string, sessionId: string): boolean;
  of(sessionId: string): readonly string[];
  sessionsFor(person: string): readonly string[];
  share(sessionId: string, person: string, by: Principal): Promise<void>;
  unshare(sessionId: string, person: string, by: Principal): Promise<void>;
  load(): Promise<void>;
}

export async function createShares(deps: {
  store: Store;
  sql: HostSql;
  clock: Clock;
  audit: AuditSink;
}): Promise<Shares> {
  const { store, sql, clock, audit } = deps;
  let people = new Map<string, Set<string>>();
  const load = async (): Promise<void> => {
    const next = new Map<string, Set<string>>();
    for (const row of await readAll(store, sql.selectFrom('session_shares').selectAll())) {
      const set = next.get(row.session_id) ?? new Set();
      next.set(row.session_id, set.add(row.person));
    }
    people = next;
  };
  await load();
  const audited = (by: Principal, action: 'session.shared' | 'session.unshared', sessionId: string, person: string) =>
    audit.row({ actor: by.id, surface: by.surface, action, target: sessionId, outcome: 'done', details: { person } });
  return {
    sees: (person, sessionId) => people.get(sessionId)?.has(person) === true,
    of: (sessionId) => [...(people.get(sessionId) ?? [])],
    sessionsFor: (person) => [...people].flatMap(([sessionId, set]) => (set.has(person) ? [sessionId] : [])),
    share: async (sessionId, person, by) => {
      const row = { session_id: sessionId, person, shared_at: clock.now() };
      const insert = sql.insertInto('session_shares').values(row);
      await store.write([
        toStatement(insert.onConflict((conflict) => conflict.columns(['session_id', 'person']).doNothing())),
        audited(by, 'session.shared', sessionId, person),
      ]);
      await load();
    },
    unshare: async (sessionId, person, by) => {
      const gone = sql.deleteFrom('session_shares').where('session_id', '=', sessionId).where('person', '=', person);
      await store.write([toStatement(gone), audited(by, 'session.unshared', sessionId, person)]);
      await load();
    },
    load,
  };
}
