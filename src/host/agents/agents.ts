import type { Clock } from '../../base/clock.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { OPERATOR } from '../../protocol/ids.ts';
import { readAll, readOne, toStatement } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { AgentsTable } from './tables.ts';

export interface Agents {
  list(): Promise<AgentsTable[]>;
  /** Throws `not-found`, naming those there are. */
  get(id: string): Promise<AgentsTable>;
  /** Makes the operator, or gives it the instructions and tools of this version. */
  ensureOperator(operator: { instructions: string; tools: readonly string[] }): Promise<void>;
}

export function createAgents(deps: { store: Store; sql: HostSql; clock: Clock }): Agents {
  const { store, sql, clock } = deps;
  const list = (): Promise<AgentsTable[]> => readAll(store, sql.selectFrom('agents').selectAll().orderBy('created_at'));
  return {
    list,
    async get(id) {
      const agent = await readOne(store, sql.selectFrom('agents').selectAll().where('id', '=', id));
      if (agent !== undefined) return agent;
      const names = (await list()).map((known) => known.id).join(', ');
      throw new HoldfastError('not-found', `There is no agent named ${id}.`, { remedy: `Agents here: ${names}.` });
    },
    async ensureOperator({ instructions, tools }) {
      const row: AgentsTable = {
        id: OPERATOR,
        kind: 'operator',
        title: 'Operator',
        description: 'Plans the work and delegates it to workers. It has no tool that acts.',
        model: null,
        instructions,
        tools: JSON.stringify(tools),
        created_at: clock.now(),
      };
      const fresh = { instructions, tools: row.tools };
      await store.write([
        toStatement(
          sql
            .insertInto('agents')
            .values(row)
            .onConflict((conflict) => conflict.column('id').doUpdateSet(fresh)),
        ),
      ]);
    },
  };
}
