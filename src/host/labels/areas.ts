import type { Clock } from '../../base/clock.ts';
import { AGENT_LABEL, covers, joinLabels, type Label } from '../../protocol/label.ts';
import { readOne, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import { labels } from './stored-label.ts';

/**
 * What the volumes of sandboxes hold: one label per volume, the join of all that was ever put there. It only rises while
 * the volume lasts, and it rises before a program runs, in the unit that starts it: a crash can leave a label too high,
 * never one too low.
 */
export interface LabelAreas {
  of(area: string): Promise<Label>;
  /** For the caller's unit; nothing when the label adds nothing. */
  raise(area: string, label: Label): Promise<readonly Statement[]>;
  /** For the unit that ends the volume. */
  forget(area: string): Statement;
}

export function createLabelAreas(deps: { store: Store; sql: HostSql; clock: Clock }): LabelAreas {
  const { store, sql, clock } = deps;
  const known = new Map<string, Label>();

  const of = async (area: string): Promise<Label> => {
    const kept = known.get(area);
    if (kept !== undefined) return kept;
    const row = await readOne(store, sql.selectFrom('label_areas').select('label').where('area', '=', area));
    // Raised meanwhile by a call beside this one: that is newer than the row.
    const label = known.get(area) ?? (row === undefined ? AGENT_LABEL : labels.rejoin(row.label));
    known.set(area, label);
    return label;
  };

  return {
    of,
    async raise(area, label) {
      const before = await of(area);
      if (covers(before, label)) return [];
      const joined = joinLabels(before, label);
      known.set(area, joined);
      const values = { label: labels.store(joined), updated_at: clock.now() };
      return [
        toStatement(
          sql
            .insertInto('label_areas')
            .values({ area, ...values })
            .onConflict((conflict) => conflict.column('area').doUpdateSet(values)),
        ),
      ];
    },
    forget(area) {
      known.delete(area);
      return toStatement(sql.deleteFrom('label_areas').where('area', '=', area));
    },
  };
}
