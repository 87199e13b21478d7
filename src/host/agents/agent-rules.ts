import { RESERVED_NAMES } from '../../protocol/agent.ts';
import type { FleetLimits } from '../../protocol/config.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { OPERATOR } from '../../protocol/ids.ts';
import { readAll, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { Agent } from './agent.ts';
import { WORKER_ONLY_TOOLS } from './defaults.ts';

/** What a change of an agent must satisfy, and how it is refused when it does not. */
export interface AgentRules {
  readonly store: Store;
  readonly sql: HostSql;
  readonly limits: FleetLimits;
  /** Names of all tools there are. */
  readonly knownTools: () => readonly string[];
  /** True when a team has this name: agents and teams share one namespace. */
  readonly isTeam?: (name: string) => Promise<boolean>;
}

/** The unit fails unless this many more active agents fit. The operator is outside the count. */
export function roomFor(count: number, { sql, limits }: Pick<AgentRules, 'sql' | 'limits'>): Statement[] {
  if (limits.maxAgents === 0 || count === 0) return [];
  const active = sql
    .selectFrom('agents')
    .select((row) => row.fn.countAll().as('n'))
    .where('kind', '=', 'agent')
    .where('status', '=', 'active');
  const guard = sql
    .updateTable('agents')
    .set({ kind: 'operator' })
    .where('id', '=', OPERATOR)
    .where(active, '<=', limits.maxAgents - count);
  return [toStatement(guard, { expectRows: 1 })];
}

export async function mustBeFree(
  id: string,
  { find, deps }: { find: (id: string) => Promise<Agent | undefined>; deps: Pick<AgentRules, 'isTeam'> },
): Promise<void> {
  if (RESERVED_NAMES.includes(id)) {
    throw new HoldfastError('conflict', `The name ${id} is reserved.`, { remedy: 'Choose another name.' });
  }
  const known = await find(id);
  if (known !== undefined) throw nameTaken(id, undefined, known.status === 'removed');
  if (await deps.isTeam?.(id)) {
    throw new HoldfastError('conflict', `There is a team named ${id}.`, {
      remedy: 'Agents and teams share one namespace: choose another name.',
    });
  }
}

export function mustKnowTools(tools: readonly string[], { knownTools }: Pick<AgentRules, 'knownTools'>): void {
  const known = knownTools();
  const unknown = tools.filter((tool) => !known.includes(tool) || WORKER_ONLY_TOOLS.includes(tool));
  if (unknown.length === 0) return;
  const names = known.filter((tool) => !WORKER_ONLY_TOOLS.includes(tool));
  throw new HoldfastError('bad-request', `An agent cannot have these tools: ${unknown.join(', ')}.`, {
    remedy: `Tools: ${[...names].sort().join(', ')}.`,
  });
}

export function mustNotBeOperator(agent: Agent, what: string): void {
  if (agent.kind !== 'operator') return;
  throw new HoldfastError('forbidden', `The operator cannot be ${what}.`, {
    remedy: 'It always exists; stop the host to stop it.',
  });
}

export async function notFound(id: string, { store, sql }: Pick<AgentRules, 'store' | 'sql'>): Promise<HoldfastError> {
  const known = sql.selectFrom('agents').select('id').where('status', '!=', 'removed').orderBy('created_at').limit(50);
  const names = (await readAll(store, known)).map((row) => row.id).join(', ');
  return new HoldfastError('not-found', `There is no agent named ${id}.`, { remedy: `Agents here: ${names}.` });
}

export function nameTaken(id: string, cause?: unknown, removed = false): HoldfastError {
  const why = removed ? `An agent named ${id} was here before and was removed.` : `There is an agent named ${id}.`;
  return new HoldfastError('conflict', why, {
    remedy: removed
      ? 'Its history, budget and grants stay under its name, so the name is not given again: choose another one.'
      : 'Choose another name.',
    ...(cause === undefined ? {} : { cause }),
  });
}

export function quotaReached({ maxAgents }: FleetLimits): HoldfastError {
  return new HoldfastError('forbidden', `This installation may have ${maxAgents} agents and has as many.`, {
    remedy: 'Archive or remove one, or raise limits.maxAgents in config.json (HOLDFAST_MAX_AGENTS).',
  });
}

export function overtaken(id: string, cause?: unknown): HoldfastError {
  return new HoldfastError('conflict', `The agent ${id} was changed by somebody else meanwhile.`, {
    remedy: 'Look at it again, then repeat your change.',
    ...(cause === undefined ? {} : { cause }),
  });
}

export const operatorTools = (): HoldfastError =>
  new HoldfastError('forbidden', 'The operator’s tools are fixed: it has none that acts.', {
    remedy: 'Give the tool to another agent or to a worker template.',
  });

/** What an agent may do in its own namespace, the copy may do in its own. */
export function rescope<T extends object>(permissions: T, { from, to }: { from: string; to: string }): T {
  const own = `teams/${from}/`;
  const entries = Object.entries(permissions).map(([name, value]) => [
    name,
    Array.isArray(value)
      ? value.map((item: unknown) =>
          typeof item === 'string' && item.startsWith(own) ? `teams/${to}/${item.slice(own.length)}` : item,
        )
      : value,
  ]);
  return Object.fromEntries(entries) as T; // The same keys with values of the same types.
}
