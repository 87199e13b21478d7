import { z } from 'zod';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import { readAll, readOne } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { RunStore } from '../runs/run-store.ts';
import type { Tool } from '../tools/tool.ts';

/** Who is doing what: every run that is not over, and what waits for a person. */
export interface Activity {
  readonly runs: readonly ActiveRun[];
  readonly approvals: number;
  readonly agents: { readonly active: number; readonly archived: number };
}

export interface ActiveRun {
  readonly run: string;
  readonly agent: string;
  readonly kind: string;
  readonly template: string | null;
  readonly state: string;
  readonly waiting_for: string | null;
  readonly title: string;
  readonly steps: number;
  readonly cost_usd: number;
  readonly since: string;
}

export interface ActivityDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly runs: RunStore;
}

const MOST_SHOWN = 100;

export async function readActivity({ store, sql, runs }: ActivityDeps, agentId?: string): Promise<Activity> {
  const open = await runs.list({ active: true, limit: MOST_SHOWN, agentId });
  const count = async (status: string): Promise<number> => {
    const agents = sql.selectFrom('agents').select(sql.fn.countAll().as('n'));
    const row = await readOne(store, agents.where('kind', '=', 'agent').where('status', '=', status));
    return Number(row?.n ?? 0);
  };
  const pending = await readAll(
    store,
    sql.selectFrom('approvals').select('id').where('state', '=', 'pending').limit(500),
  );
  return {
    runs: open.map((row) => ({
      run: row.id,
      agent: row.agent_id,
      kind: row.kind,
      template: row.template,
      state: row.state,
      waiting_for: row.waiting_for,
      title: row.title,
      steps: row.steps,
      cost_usd: row.cost_usd,
      since: new Date(row.created_at).toISOString(),
    })),
    approvals: pending.length,
    agents: { active: await count('active'), archived: await count('archived') },
  };
}

export function createActivityTool(deps: ActivityDeps): Tool<{ agent?: string | undefined }> {
  return {
    name: 'list_activity',
    description: 'Who is doing what now: all runs that are not over, with agent, state and what they wait for.',
    input: z.strictObject({ agent: z.string().min(1).optional().describe('Only this agent') }),
    risk: 'control',
    idempotent: true,
    parallel: true,
    loopExempt: true,
    resources: async ({ agent }, caller) =>
      agent === caller.agentId
        ? []
        : [{ kind: 'fleet', act: 'metrics.read', target: agent ?? 'all agents', widens: false }],
    async execute({ agent }) {
      const activity = await readActivity(deps, agent);
      const data = { ...activity, runs: activity.runs.map((one) => ({ ...one })), agents: { ...activity.agents } };
      return { status: 'ok', text: JSON.stringify(data, undefined, 2), data, label: SYSTEM_LABEL };
    },
  };
}
