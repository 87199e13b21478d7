import type { DatabaseSync } from 'node:sqlite';
import { CredentialGlob, type GrantView, matchesGlob, ownerOfName } from '../../protocol/credential.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { AgentId } from '../../protocol/ids.ts';
import { parseWith } from '../http/parse.ts';
import { checkpoint } from '../store/database.ts';

/**
 * Who may use which credentials: patterns per agent, nothing by default. What an agent had made for itself is its own
 * without a grant, and a pattern reaches into the namespace of another only if it names that namespace.
 */
export interface Grants {
  allows(agent: string, name: string): boolean;
  agentsOf(name: string): readonly string[];
  list(): readonly GrantView[];
  add(agent: string, glob: string): void;
  /** True when there was such a grant. */
  remove(agent: string, glob: string): boolean;
}

const MOST_PER_AGENT = 200;

export function createGrants(database: DatabaseSync, now: () => number): Grants {
  const byAgent = new Map<string, Map<string, number>>();
  const remember = (agent: string, glob: string, at: number): void => {
    const globs = byAgent.get(agent) ?? new Map<string, number>();
    byAgent.set(agent, globs.set(glob, at));
  };
  for (const row of database
    .prepare('SELECT agent, glob, granted_at FROM credential_grants ORDER BY agent, glob')
    .all())
    remember(String(row.agent), String(row.glob), Number(row.granted_at));
  const allows = (agent: string, name: string): boolean =>
    ownerOfName(name) === agent || [...(byAgent.get(agent)?.keys() ?? [])].some((glob) => reaches(glob, name));
  return {
    allows,
    agentsOf: (name) => {
      const own = ownerOfName(name);
      const granted = [...byAgent.keys()].filter((agent) => allows(agent, name));
      return [...new Set(own === undefined ? granted : [own, ...granted])].sort();
    },
    list: () =>
      [...byAgent].flatMap(([agent, globs]) => [...globs].map(([glob, grantedAt]) => ({ agent, glob, grantedAt }))),
    add: (agentName, globText) => {
      const agent = parseWith(AgentId, agentName);
      const glob = parseWith(CredentialGlob, globText);
      if ((byAgent.get(agent)?.size ?? 0) >= MOST_PER_AGENT)
        throw new HoldfastError('too-large', `${agent} has ${MOST_PER_AGENT} grants already.`, {
          remedy: 'Use a pattern, such as brave_*.',
        });
      const at = now();
      database
        .prepare('INSERT OR IGNORE INTO credential_grants (agent, glob, granted_at) VALUES (?, ?, ?)')
        .run(agent, glob, at);
      checkpoint(database);
      if (!byAgent.get(agent)?.has(glob)) remember(agent, glob, at);
    },
    remove: (agent, globText) => {
      const glob = globText.toLowerCase();
      const { changes } = database
        .prepare('DELETE FROM credential_grants WHERE agent = ? AND glob = ?')
        .run(agent, glob);
      checkpoint(database);
      byAgent.get(agent)?.delete(glob);
      return Number(changes) > 0;
    },
  };
}

function reaches(glob: string, name: string): boolean {
  const namespace = ownerOfName(name);
  return (namespace === undefined || glob.startsWith(`own.${namespace}.`)) && matchesGlob(glob, name);
}
