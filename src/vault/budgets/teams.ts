import type { DatabaseSync } from 'node:sqlite';
import { checkpoint } from '../store/database.ts';

/** Which team pays for which agent: set by the owner alone, for caps of a team hold only if nobody else can leave it. */
export interface Teams {
  of(agent: string): string | null;
  put(agent: string, team: string | null): void;
  all(): ReadonlyMap<string, string>;
}

export function createTeams(database: DatabaseSync): Teams {
  const byAgent = new Map<string, string>();
  for (const row of database.prepare('SELECT agent, team FROM agent_teams').all())
    byAgent.set(String(row.agent), String(row.team));
  const write = database.prepare(
    'INSERT INTO agent_teams (agent, team) VALUES (?, ?) ON CONFLICT (agent) DO UPDATE SET team = excluded.team',
  );
  const remove = database.prepare('DELETE FROM agent_teams WHERE agent = ?');
  return {
    of: (agent) => byAgent.get(agent) ?? null,
    put: (agent, team) => {
      if (team === null) remove.run(agent);
      else write.run(agent, team);
      checkpoint(database);
      if (team === null) byAgent.delete(agent);
      else byAgent.set(agent, team);
    },
    all: () => byAgent,
  };
}
