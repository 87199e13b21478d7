import type { Clock } from '../../base/clock.ts';
import { matchGlob } from '../../policy/glob.ts';
import { readAll, toStatement } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { InterestsTable } from './tables.ts';

/** Who wants to hear of what: globs of keys, and topics by their exact name. They stay over a restart. */
export interface Interests {
  add(agentId: string, kind: InterestKind, pattern: string): Promise<void>;
  remove(agentId: string, kind: InterestKind, pattern: string): Promise<void>;
  of(agentId: string): Promise<InterestsTable[]>;
  /** Agents to tell of this name, each once. */
  interested(kind: InterestKind, name: string): Promise<string[]>;
}

export type InterestKind = 'watch' | 'topic';

/** Another host may have added some; so old may what we know of them be. */
const KNOWN_FOR_MS = 2_000;

export function createInterests(deps: { store: Store; sql: HostSql; clock: Clock }): Interests {
  const { store, sql, clock } = deps;
  let known: { readonly rows: readonly InterestsTable[]; readonly at: number } | undefined;
  const all = async (): Promise<readonly InterestsTable[]> => {
    if (known === undefined || clock.now() - known.at > KNOWN_FOR_MS)
      known = { rows: await readAll(store, sql.selectFrom('interests').selectAll()), at: clock.now() };
    return known.rows;
  };
  return {
    async add(agentId, kind, pattern) {
      const row = { agent_id: agentId, kind, pattern, created_at: clock.now() };
      const insert = sql.insertInto('interests').values(row);
      await store.write([toStatement(insert.onConflict((conflict) => conflict.doNothing()))]);
      known = undefined;
    },
    async remove(agentId, kind, pattern) {
      const found = sql.deleteFrom('interests').where('agent_id', '=', agentId).where('kind', '=', kind);
      await store.write([toStatement(found.where('pattern', '=', pattern))]);
      known = undefined;
    },
    of: (agentId) =>
      readAll(store, sql.selectFrom('interests').selectAll().where('agent_id', '=', agentId).orderBy('created_at')),
    async interested(kind, name) {
      const rows = (await all()).filter((row) => row.kind === kind);
      const fits = (pattern: string): boolean => (kind === 'topic' ? pattern === name : matchGlob(pattern, name));
      return [...new Set(rows.filter((row) => fits(row.pattern)).map((row) => row.agent_id))];
    },
  };
}
