import { createHash } from 'node:crypto';
import { HoldfastError } from '../../protocol/error.ts';
import { readAll, readOne } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import { runsSeenBy, type SeenBy } from '../runs/run-store.ts';
import type { ToolContext } from '../tools/tool.ts';
import type { ArtifactsTable } from './tables.ts';

export interface ArtifactFile {
  readonly name: string;
  readonly bytes: number;
  readonly mediaType: string;
  readonly blob: string;
}

export interface Artifacts {
  /** Journals the artifact of a run; its row is written in the same unit. A call that is repeated finds the first. */
  record(context: ToolContext, file: ArtifactFile): Promise<{ id: string }>;
  get(id: string): Promise<ArtifactsTable>;
  list(runId: string | undefined, seenBy?: SeenBy): Promise<ArtifactsTable[]>;
}

/** One effect makes one artifact, however often a crash makes it run. */
const artifactIdOf = (effectId: string): string =>
  `art_${createHash('sha256').update(`artifact:${effectId}`).digest('hex').slice(0, 32)}`;

export function createArtifacts(deps: { store: Store; sql: HostSql }): Artifacts {
  const { store, sql } = deps;
  const find = (id: string): Promise<ArtifactsTable | undefined> =>
    readOne(store, sql.selectFrom('artifacts').selectAll().where('id', '=', id));
  return {
    async record(context, file) {
      const id = artifactIdOf(context.effectId);
      if ((await find(id)) === undefined) await context.record({ type: 'artifact.created', artifactId: id, ...file });
      return { id };
    },
    async get(id) {
      const row = await find(id);
      if (row === undefined) throw new HoldfastError('not-found', `There is no artifact ${id}.`);
      return row;
    },
    list: (runId, seenBy) => {
      let query = sql.selectFrom('artifacts').selectAll().orderBy('created_at', 'desc').limit(500);
      if (runId !== undefined) query = query.where('run_id', '=', runId);
      if (seenBy !== undefined) query = query.where('run_id', 'in', runsSeenBy(sql, seenBy));
      return readAll(store, query);
    },
  };
}
