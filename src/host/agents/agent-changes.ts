import type { Clock } from '../../base/clock.ts';
import type { CreateAgent } from '../../protocol/agent.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { readOne, toStatement } from '../../storage/query.ts';
import type { Statement } from '../../storage/store.ts';
import type { Principal } from '../control.ts';
import type { Journal } from '../journal/journal.ts';
import { type Agent, toAgent, toColumns } from './agent.ts';
import {
  type AgentRules,
  mustBeFree,
  mustKnowTools,
  nameTaken,
  overtaken,
  quotaReached,
  roomFor,
} from './agent-rules.ts';
import { newConfig } from './defaults.ts';
import type { PersonaFiles } from './persona-files.ts';
import { type AgentChangeKind, type AgentState, createRevisions, stateOf } from './revisions.ts';
import type { AgentsTable } from './tables.ts';

/**
 * How a change of an agent is written. Each is one unit: the row, guarded by the revision it was made from, the revision
 * that keeps what it became, and the journal's event.
 */
export interface AgentChanges {
  /** Also a removed one. */
  find(id: string): Promise<Agent | undefined>;
  change(agent: Agent, next: Partial<AgentState>, made: { kind: AgentChangeKind; by: Principal }): AgentChange;
  prepare(input: CreateAgent, by: Principal, options?: { room?: number; team?: string }): Promise<AgentChange>;
  /** Throws `conflict` when somebody else was faster. */
  commit(made: AgentChange): Promise<Agent>;
  /** For one that becomes active: it needs a place, like a new one. Throws `forbidden` when there is none. */
  commitWithRoom(made: AgentChange): Promise<Agent>;
}

export interface AgentChange {
  readonly agent: Agent;
  /** Guards first. */
  readonly statements: readonly Statement[];
  readonly event: Parameters<Journal['append']>[0][number];
}

export interface AgentChangeNote {
  readonly agentId: string;
  readonly kind: AgentChangeKind;
  readonly revision: number;
  readonly before: AgentState | undefined;
  readonly after: AgentState;
  readonly by: Principal;
}

export interface AgentChangesDeps extends AgentRules {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly files: PersonaFiles;
  /** Rows of other rooms that belong into the unit of a change (receipts for undo, audit). */
  readonly onChange?: (change: AgentChangeNote) => readonly Statement[];
}

export function createAgentChanges(deps: AgentChangesDeps): AgentChanges {
  const { store, sql, clock, journal } = deps;
  const find: AgentChanges['find'] = async (id) => {
    const row = await readOne(store, sql.selectFrom('agents').selectAll().where('id', '=', id));
    return row === undefined ? undefined : toAgent(row);
  };
  const describe = createDescribe(deps);
  return {
    find,
    change(agent, next, { kind, by }) {
      const changed: Agent = { ...agent, ...next, revision: agent.revision + 1, updatedAt: clock.now() };
      const { status, revision, updatedAt } = changed;
      const update = sql
        .updateTable('agents')
        .set({ ...toColumns(changed), status, revision, updated_at: updatedAt })
        .where('id', '=', agent.id)
        .where('revision', '=', agent.revision);
      return describe(changed, toStatement(update, { expectRows: 1 }), { kind, by, before: stateOf(agent) });
    },
    async prepare(input, by, { room = 1, team } = {}) {
      await mustBeFree(input.id, { find, deps });
      const agent = { ...newAgent(input, clock.now()), team: team ?? null };
      mustKnowTools(agent.tools, deps);
      const insert = toStatement(sql.insertInto('agents').values(toRow(agent)));
      const made = describe(agent, insert, { kind: 'created', by, before: undefined });
      const files = deps.files.initial(agent.id, input.files ?? {}, by);
      return { ...made, statements: [...roomFor(room, deps), ...made.statements, ...files] };
    },
    async commit(made) {
      try {
        await journal.append([made.event], made.statements);
        return made.agent;
      } catch (thrown) {
        if (HoldfastError.from(thrown).code !== 'storage.guard-failed') throw thrown;
        throw overtaken(made.agent.id, thrown);
      }
    },
    async commitWithRoom(made) {
      const { id, revision } = made.agent;
      try {
        await journal.append([made.event], [...(revision === 1 ? [] : roomFor(1, deps)), ...made.statements]);
        return made.agent;
      } catch (thrown) {
        const { code } = HoldfastError.from(thrown);
        if (code === 'conflict') throw nameTaken(id, thrown);
        if (code !== 'storage.guard-failed') throw thrown;
        const now = await find(id);
        throw (now?.revision ?? 0) === revision - 1 ? quotaReached(deps.limits) : overtaken(id, thrown);
      }
    },
  };
}

function createDescribe(deps: AgentChangesDeps) {
  const revisions = createRevisions(deps);
  return (
    agent: Agent,
    write: Statement,
    { kind, by, before }: { kind: AgentChangeKind; by: Principal; before: AgentState | undefined },
  ): AgentChange => {
    const note = { agentId: agent.id, kind, revision: agent.revision, before, after: stateOf(agent), by };
    return {
      agent,
      statements: [write, revisions.insert(agent, kind, by), ...(deps.onChange?.(note) ?? [])],
      event: { agentId: agent.id, event: { type: 'agent.changed', agentId: agent.id, change: kind } },
    };
  };
}

function newAgent(input: CreateAgent, at: number): Agent {
  return {
    ...newConfig(input),
    id: input.id,
    kind: 'agent',
    status: 'active',
    revision: 1,
    instructions: '',
    createdAt: at,
    updatedAt: at,
  };
}

function toRow(agent: Agent): AgentsTable {
  return {
    ...toColumns(agent),
    id: agent.id,
    kind: agent.kind,
    status: agent.status,
    instructions: agent.instructions,
    revision: agent.revision,
    created_at: agent.createdAt,
    updated_at: agent.updatedAt,
  };
}
