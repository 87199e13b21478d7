import type { DatabaseSync } from 'node:sqlite';
import { EgressExceptions } from '../../protocol/vault-api.ts';
import { checkpoint } from '../store/database.ts';
import type { EgressException } from './target.ts';

/** Per agent: private hosts and ports that its owner opened for it. */
export interface Exceptions {
  of(agent: string): readonly EgressException[];
  /** Those of every agent: for what the vault itself asks on its owner's word. */
  all(): readonly EgressException[];
  put(agent: string, exceptions: EgressExceptions): void;
}

export function createExceptions(database: DatabaseSync): Exceptions {
  const byAgent = new Map<string, readonly EgressException[]>();
  for (const row of database.prepare('SELECT agent, hosts FROM egress_exceptions').all()) {
    byAgent.set(String(row.agent), EgressExceptions.parse(JSON.parse(String(row.hosts))).hosts);
  }
  return {
    of: (agent) => byAgent.get(agent) ?? [],
    all: () => [...byAgent.values()].flat(),
    put: (agent, exceptions) => {
      database
        .prepare(
          'INSERT INTO egress_exceptions (agent, hosts) VALUES (?, ?) ON CONFLICT (agent) DO UPDATE SET hosts = excluded.hosts',
        )
        .run(agent, JSON.stringify(exceptions));
      checkpoint(database);
      byAgent.set(agent, exceptions.hosts);
    },
  };
}
