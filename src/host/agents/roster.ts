import { readAll, readOne } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { Agent } from './agent.ts';

/** Whom an agent is told about: its team, and those it may write to; the operator everybody. Never itself. */
export interface Roster {
  readonly shown: readonly RosterEntry[];
  readonly more: number;
}

export interface RosterEntry {
  readonly id: string;
  readonly role: string;
  readonly description: string;
  readonly team: string | null;
}

/** The names and no whole rows, so that a turn costs the same in a fleet of ten thousand. */
export async function readRoster(
  agent: Agent,
  { store, sql, most }: { store: Store; sql: HostSql; most: number },
): Promise<Roster> {
  const names = agent.permissions.can_message;
  const everybody = agent.kind === 'operator' || names.includes('*');
  const known = sql
    .selectFrom('agents')
    .where('kind', '=', 'agent')
    .where('status', '=', 'active')
    .where('id', '!=', agent.id)
    .where((row) =>
      row.or([
        row('id', 'like', everybody ? '%' : ''),
        ...(agent.team === null ? [] : [row('team', '=', agent.team)]),
        ...names.map((name) => row('id', 'like', likeOf(name))),
      ]),
    );
  const shown = await readAll(
    store,
    known.select(['id', 'role', 'description', 'team']).orderBy('created_at').orderBy('id').limit(most),
  );
  if (shown.length < most) return { shown, more: 0 };
  const all = await readOne(store, known.select(sql.fn.countAll().as('n')));
  return { shown, more: Number(all?.n ?? shown.length) - shown.length };
}

/** Names hold no `%`; an underscore stands for any one character in LIKE, which here can only show a name too many. */
const likeOf = (glob: string): string => glob.replaceAll('*', '%');
