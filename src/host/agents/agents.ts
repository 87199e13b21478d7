import { OPERATOR_PERMISSIONS } from '../../policy/default-permissions.ts';
import type { AgentConfig, AgentRevision, CloneAgent, CreateAgent, EditAgent } from '../../protocol/agent.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { OPERATOR } from '../../protocol/ids.ts';
import { readAll, toStatement } from '../../storage/query.ts';
import type { Principal } from '../control.ts';
import { type Agent, configOf, toAgent, toColumns } from './agent.ts';
import { type AgentChange, type AgentChanges, type AgentChangesDeps, createAgentChanges } from './agent-changes.ts';
import { mustKnowTools, mustNotBeOperator, notFound, operatorTools, overtaken, rescope } from './agent-rules.ts';
import { newConfig } from './defaults.ts';
import { type AgentChangeKind, type AgentState, createRevisions, sameValue } from './revisions.ts';
import { type Roster, readRoster } from './roster.ts';
import type { AgentsTable } from './tables.ts';
import { takeBack } from './undo.ts';

/**
 * The agents: who there is, and every change of them. A name is given once and never again, because history, budget and
 * grants are kept under it: a new agent must not inherit those of a removed one.
 */
export interface Agents {
  /** All but the removed ones, oldest first. */
  list(): Promise<Agent[]>;
  /** Members of a team, archived ones too, by name. */
  ofTeam(team: string): Promise<Agent[]>;
  /** Whom this agent is told about, at most so many by name. */
  roster(agent: Agent, most: number): Promise<Roster>;
  /** Throws `not-found`, naming those there are. */
  get(id: string): Promise<Agent>;
  /** Like `get`, but throws `conflict` for one that is archived: nothing new is started for it. */
  active(id: string): Promise<Agent>;
  /** Throws `forbidden` once `limits.maxAgents` is reached. */
  create(input: CreateAgent, by: Principal): Promise<Agent>;
  edit(id: string, change: EditAgent, by: Principal): Promise<Agent>;
  clone(id: string, copy: CloneAgent, by: Principal): Promise<Agent>;
  archive(id: string, by: Principal): Promise<Agent>;
  restore(id: string, by: Principal): Promise<Agent>;
  /** Ends its runs and hides it. `undo` brings it back until its files are purged. */
  remove(id: string, by: Principal): Promise<void>;
  revisions(id: string, limit?: number): Promise<AgentRevision[]>;
  /** Ids of agents that were removed before this moment. */
  removedBefore(at: number): Promise<string[]>;
  /** Takes one change back: only the fields it set, and only while they are still as it left them. */
  undo(id: string, revision: number, by: Principal): Promise<Agent>;
  /** For a unit of the caller's that changes several agents at once; the caller has validated the change. */
  change(agent: Agent, next: Partial<AgentState>, made: { kind: AgentChangeKind; by: Principal }): AgentChange;
  /** For a unit of the caller's that makes several agents at once. `room`: for how many there must be room (1). */
  prepare(input: CreateAgent, by: Principal, options?: { room?: number; team?: string }): Promise<AgentChange>;
  /** Makes the operator, or gives it the instructions and tools of this version. */
  ensureOperator(operator: { instructions: string; tools: readonly string[] }): Promise<void>;
}

export interface AgentsDeps extends AgentChangesDeps {
  /** Ends what an agent is doing. */
  readonly stopRuns: (agentId: string, reason: string) => Promise<void>;
}

/** What the parts of the service share. */
interface Parts extends AgentChanges {
  readonly deps: AgentsDeps;
  readonly get: (id: string) => Promise<Agent>;
}

export function createAgents(deps: AgentsDeps): Agents {
  const changes = createAgentChanges(deps);
  const get = async (id: string): Promise<Agent> => {
    const agent = await changes.find(id);
    if (agent !== undefined && agent.status !== 'removed') return agent;
    throw await notFound(id, deps);
  };
  const parts: Parts = { ...changes, deps, get };
  return {
    ...readers(parts),
    ...makers(parts),
    ...lifecycle(parts),
    ...history(parts),
    change: changes.change,
    prepare: changes.prepare,
    ensureOperator: (operator) => ensureOperator(operator, deps),
  };
}

function readers({
  deps,
  get,
}: Parts): Pick<Agents, 'list' | 'ofTeam' | 'roster' | 'get' | 'active' | 'removedBefore'> {
  const { store, sql } = deps;
  const all = sql.selectFrom('agents').selectAll().where('status', '!=', 'removed').orderBy('created_at').orderBy('id');
  return {
    list: async () => (await readAll(store, all)).map(toAgent),
    ofTeam: async (team) => {
      const members = sql.selectFrom('agents').selectAll().where('team', '=', team).where('status', '!=', 'removed');
      return (await readAll(store, members.orderBy('id'))).map(toAgent);
    },
    roster: (agent, most) => readRoster(agent, { store, sql, most }),
    get,
    async removedBefore(at) {
      const gone = sql.selectFrom('agents').select('id').where('status', '=', 'removed').where('updated_at', '<', at);
      return (await readAll(store, gone)).map((row) => row.id);
    },
    async active(id) {
      const agent = await get(id);
      if (agent.status === 'active') return agent;
      throw new HoldfastError('conflict', `The agent ${id} is archived.`, {
        remedy: `Bring it back with: holdfast agents restore ${id}`,
      });
    },
  };
}

function makers(parts: Parts): Pick<Agents, 'create' | 'edit' | 'clone'> {
  const { deps, get } = parts;
  const create: Agents['create'] = async (input, by) => {
    const agent = await parts.commitWithRoom(await parts.prepare(input, by));
    await deps.files.materialise(agent.id);
    return agent;
  };
  return {
    create,
    async edit(id, { revision, ...wanted }, by) {
      const agent = await get(id);
      if (revision !== undefined && revision !== agent.revision) throw overtaken(id);
      const next: AgentConfig = { ...configOf(agent), ...withoutUndefined(wanted) };
      if (agent.kind === 'operator' && !sameValue(next.tools, agent.tools)) throw operatorTools();
      mustKnowTools(
        next.tools.filter((tool) => !agent.tools.includes(tool)),
        deps,
      );
      if (sameValue(next, configOf(agent))) return agent;
      return await parts.commit(parts.change(agent, next, { kind: 'updated', by }));
    },
    async clone(id, copy, by) {
      const agent = await get(id);
      mustNotBeOperator(agent, 'cloned');
      const { team: _team, title, ...config } = configOf(agent);
      const files = await deps.files.own(id);
      const permissions = rescope(config.permissions, { from: id, to: copy.id });
      return await create({ ...config, permissions, id: copy.id, title: copy.title ?? `${title} (copy)`, files }, by);
    },
  };
}

function lifecycle(parts: Parts): Pick<Agents, 'archive' | 'restore' | 'remove'> {
  const { deps, get } = parts;
  const end = async (id: string, status: 'archived' | 'removed', by: Principal): Promise<Agent> => {
    const agent = await get(id);
    mustNotBeOperator(agent, status);
    if (agent.status === status) return agent;
    // First the row, so that nothing new can start while what runs is being stopped.
    const ended = await parts.commit(parts.change(agent, { status }, { kind: status, by }));
    await deps.stopRuns(id, `The agent ${id} was ${status} by ${by.id}.`);
    return ended;
  };
  return {
    archive: (id, by) => end(id, 'archived', by),
    async restore(id, by) {
      const agent = await get(id);
      if (agent.status === 'active') return agent;
      return await parts.commitWithRoom(parts.change(agent, { status: 'active' }, { kind: 'restored', by }));
    },
    remove: async (id, by) => void (await end(id, 'removed', by)),
  };
}

function history(parts: Parts): Pick<Agents, 'revisions' | 'undo'> {
  const { deps } = parts;
  const revisions = createRevisions(deps);
  return {
    revisions: async (id, limit = 100) =>
      (await revisions.of(id, limit)).map(({ state: _state, ...revision }) => revision),
    async undo(id, revision, by) {
      const agent = await parts.find(id);
      if (agent === undefined) throw await notFound(id, deps);
      const { next, kind } = takeBack(agent, await revisions.of(id, MOST_REVISIONS), revision);
      if (agent.kind === 'operator' && next.tools !== undefined) throw operatorTools();
      const made = parts.change(agent, next, { kind, by });
      if (agent.status === 'active' || made.agent.status !== 'active') return await parts.commit(made);
      const back = await parts.commitWithRoom(made);
      await deps.files.materialise(id);
      return back;
    },
  };
}

const MOST_REVISIONS = 500;

async function ensureOperator(
  { instructions, tools }: { instructions: string; tools: readonly string[] },
  { store, sql, clock }: AgentsDeps,
): Promise<void> {
  const at = clock.now();
  const row: AgentsTable = {
    ...toColumns({
      ...newConfig({ id: OPERATOR }),
      title: 'Operator',
      description: 'Plans the work and delegates it to workers. It has no tool that acts.',
      permissions: OPERATOR_PERMISSIONS,
      tools: [...tools],
    }),
    id: OPERATOR,
    kind: 'operator',
    status: 'active',
    instructions,
    revision: 1,
    created_at: at,
    updated_at: at,
  };
  const { permissions } = row;
  const insert = sql
    .insertInto('agents')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ instructions, tools: row.tools }));
  // Until the owner changes something of it, it has what this version gives it.
  const refresh = sql.updateTable('agents').set({ permissions }).where('id', '=', OPERATOR).where('revision', '=', 1);
  await store.write([toStatement(insert), toStatement(refresh)]);
}

function withoutUndefined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
