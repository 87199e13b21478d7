import type { Clock } from '../../base/clock.ts';
import { readAll, readOne, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { Principal } from '../control.ts';
import type { HostSql } from '../database.ts';
import type { TemplateVersionsTable } from './tables.ts';

/** What became of the owner's own templates (of workers and of teams), newest first. */
export interface TemplateVersions {
  of(id: string): Promise<TemplateVersionsTable[]>;
  /** `content` null: it was removed. */
  add(id: string, content: string | null, by: Principal): Promise<Statement>;
}

const MOST_SHOWN = 20;

export function createTemplateVersions(
  kind: 'worker' | 'team',
  { store, sql, clock }: { store: Store; sql: HostSql; clock: Clock },
): TemplateVersions {
  const newest = (id: string) =>
    sql
      .selectFrom('template_versions')
      .selectAll()
      .where('kind', '=', kind)
      .where('id', '=', id)
      .orderBy('version', 'desc');
  return {
    of: (id) => readAll(store, newest(id).limit(MOST_SHOWN)),
    async add(id, content, by) {
      const last = await readOne(store, newest(id).limit(1));
      const version = (last?.version ?? 0) + 1;
      const actor = `${by.id} (${by.surface})`;
      return toStatement(
        sql.insertInto('template_versions').values({ kind, id, version, at: clock.now(), actor, content }),
      );
    },
  };
}
