import type { Clock } from '../../base/clock.ts';
import { PersonaFile } from '../../protocol/agent.ts';
import { readAll, readOne, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { Principal } from '../control.ts';
import type { HostSql } from '../database.ts';
import type { AgentFilesTable } from './tables.ts';

export interface FileVersion {
  readonly name: PersonaFile;
  readonly version: number;
  readonly at: number;
  readonly by: string;
  readonly content: string;
}

/** The newest 20 versions of each persona file. */
export interface FileHistory {
  /** Newest first. */
  of(agentId: string, name: PersonaFile): Promise<FileVersion[]>;
  latest(agentId: string, name: PersonaFile): Promise<FileVersion | undefined>;
  /** The newest version of each file. */
  latestOfAll(agentId: string): Promise<FileVersion[]>;
  /** A new version, and the end of those that are too old. */
  add(agentId: string, name: PersonaFile, content: string, by: Principal): Promise<Statement[]>;
  /** Version 1 of a new agent's file. */
  first(agentId: string, name: PersonaFile, content: string, by: Principal): Statement;
}

const MOST_VERSIONS = 20;

export function createFileHistory({ store, sql, clock }: { store: Store; sql: HostSql; clock: Clock }): FileHistory {
  const rows = (agentId: string) => sql.selectFrom('agent_files').selectAll().where('agent_id', '=', agentId);
  const newest = (agentId: string, name: PersonaFile) =>
    rows(agentId).where('name', '=', name).orderBy('version', 'desc');
  const insert = (row: AgentFilesTable): Statement => toStatement(sql.insertInto('agent_files').values(row));
  const latest: FileHistory['latest'] = async (agentId, name) => {
    const row = await readOne(store, newest(agentId, name).limit(1));
    return row === undefined ? undefined : toVersion(row);
  };
  return {
    of: async (agentId, name) => (await readAll(store, newest(agentId, name).limit(MOST_VERSIONS))).map(toVersion),
    latest,
    async latestOfAll(agentId) {
      const found = await Promise.all(PersonaFile.options.map((name) => latest(agentId, name)));
      return found.filter((version) => version !== undefined);
    },
    async add(agentId, name, content, by) {
      const version = ((await latest(agentId, name))?.version ?? 0) + 1;
      const old = sql
        .deleteFrom('agent_files')
        .where('agent_id', '=', agentId)
        .where('name', '=', name)
        .where('version', '<=', version - MOST_VERSIONS);
      return [
        insert({ agent_id: agentId, name, version, at: clock.now(), actor: `${by.id} (${by.surface})`, content }),
        toStatement(old),
      ];
    },
    first: (agentId, name, content, by) =>
      insert({ agent_id: agentId, name, version: 1, at: clock.now(), actor: `${by.id} (${by.surface})`, content }),
  };
}

function toVersion(row: AgentFilesTable): FileVersion {
  return {
    name: PersonaFile.parse(row.name),
    version: row.version,
    at: row.at,
    by: row.actor,
    content: row.content,
  };
}
