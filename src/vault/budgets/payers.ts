import type { DatabaseSync } from 'node:sqlite';
import { type BudgetScopeKind, ORG_ID } from '../../protocol/budget.ts';
import type { Teams } from './teams.ts';

/**
 * Who pays. A caller says agent, run and task; the org always pays too, and which team an agent belongs to is the owner's
 * word alone. A run stays with the task it named first: leaving the task out later, or naming another, escapes no cap.
 */
export interface Payer {
  readonly agent: string;
  readonly team: string | null;
  readonly run: string | null;
  readonly task: string | null;
}

export interface Scope {
  readonly kind: BudgetScopeKind;
  readonly id: string;
}

export interface Payers {
  of(claim: { agent: string; run: string | null; task: string | null }): Payer;
}

/** Runs whose task is remembered; the ledger knows the others. */
const REMEMBERED = 20_000;

export function createPayers({ database, teams }: { database: DatabaseSync; teams: Teams }): Payers {
  const tasks = new Map<string, string | null>();
  const firstCall = database.prepare(
    'SELECT task FROM calls WHERE run = ? AND task IS NOT NULL ORDER BY started_at LIMIT 1',
  );
  const firstCharge = database.prepare("SELECT task FROM charges WHERE run = ? AND task <> '' ORDER BY day LIMIT 1");
  const known = (run: string): string | null => {
    const found = tasks.get(run);
    if (found !== undefined) return found;
    const row = firstCall.get(run) ?? firstCharge.get(run);
    return typeof row?.task === 'string' ? row.task : null;
  };
  return {
    of: ({ agent, run, task }) => {
      const team = teams.of(agent);
      if (run === null) return { agent, team, run, task };
      const bound = known(run) ?? task;
      // Moved to the end: what was used least lately is forgotten first.
      tasks.delete(run);
      tasks.set(run, bound);
      if (tasks.size > REMEMBERED) forgetOldest(tasks);
      return { agent, team, run, task: bound };
    },
  };
}

function forgetOldest(tasks: Map<string, unknown>): void {
  const { value: oldest } = tasks.keys().next();
  if (oldest !== undefined) tasks.delete(oldest);
}

export function scopesOf({ agent, team, run, task }: Payer): Scope[] {
  const scopes: Scope[] = [
    { kind: 'org', id: ORG_ID },
    { kind: 'agent', id: agent },
  ];
  if (team !== null) scopes.push({ kind: 'team', id: team });
  if (run !== null) scopes.push({ kind: 'run', id: run });
  if (task !== null) scopes.push({ kind: 'task', id: task });
  return scopes;
}
