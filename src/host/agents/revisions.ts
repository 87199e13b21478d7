import { z } from 'zod';
import { AGENT_CHANGES, AgentConfig, type AgentRevision, AgentStatus } from '../../protocol/agent.ts';
import { canonicalJson, type JsonValue } from '../../protocol/json.ts';
import { readAll, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { Principal } from '../control.ts';
import type { HostSql } from '../database.ts';
import { type Agent, configOf } from './agent.ts';
import type { AgentRevisionsTable } from './tables.ts';

/** The whole configuration and status after one change. */
export const AgentState = AgentConfig.extend({ status: AgentStatus });
export type AgentState = z.infer<typeof AgentState>;
export type AgentChangeKind = (typeof AGENT_CHANGES)[number];

export interface StoredRevision extends AgentRevision {
  readonly state: AgentState;
}

export interface Revisions {
  /** For the unit that makes the change. */
  insert(agent: Agent, change: AgentChangeKind, by: Principal): Statement;
  /** Newest first. */
  of(agentId: string, limit: number): Promise<StoredRevision[]>;
}

export const stateOf = (agent: Agent): AgentState => ({ ...configOf(agent), status: agent.status });

export function createRevisions({ store, sql }: { store: Store; sql: HostSql }): Revisions {
  return {
    insert: (agent, change, by) =>
      toStatement(
        sql.insertInto('agent_revisions').values({
          agent_id: agent.id,
          revision: agent.revision,
          at: agent.updatedAt,
          actor: by.id,
          surface: by.surface,
          change,
          state: JSON.stringify(stateOf(agent)),
        }),
      ),
    async of(agentId, limit) {
      const newest = sql
        .selectFrom('agent_revisions')
        .selectAll()
        .where('agent_id', '=', agentId)
        .orderBy('revision', 'desc')
        .limit(limit + 1);
      const read = (await readAll(store, newest)).map(toRevision);
      return read
        .map((one, index) => ({ ...one, fields: changedFields(read[index + 1]?.state, one.state) }))
        .slice(0, limit);
    },
  };
}

/** Names of the fields in which two states differ. */
export function changedFields(before: AgentState | undefined, after: AgentState): (keyof AgentState)[] {
  return STATE_FIELDS.filter((field) => before === undefined || !sameValue(before[field], after[field]));
}

export const sameValue = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b);

const STATE_FIELDS = AgentState.keyof().options;
/** Goes through text because an absent key and `undefined` are the same thing here. */
const canonical = (value: unknown): string => canonicalJson(JSON.parse(JSON.stringify(value ?? null)) as JsonValue);

function toRevision(row: AgentRevisionsTable): StoredRevision {
  return {
    agentId: row.agent_id,
    revision: row.revision,
    at: row.at,
    by: row.actor,
    surface: row.surface,
    change: z.enum(AGENT_CHANGES).parse(row.change),
    fields: [],
    state: AgentState.parse(JSON.parse(row.state)),
  };
}
