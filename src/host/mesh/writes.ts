import type { Clock } from '../../base/clock.ts';
import { toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import { wasRefused } from '../steering/refused-unit.ts';

/**
 * Writes of tools that may be run again after a crash: an effect's rows are written once, because a row under the effect's
 * own id stands in the same unit. That makes the tools idempotent, and no message is doubled.
 */
export interface MeshWrites {
  /** False: this effect has written before, and nothing was done now. */
  once(effectId: string, unit: readonly Statement[]): Promise<boolean>;
}

export function createMeshWrites(deps: { store: Store; sql: HostSql; clock: Clock }): MeshWrites {
  const { store, sql, clock } = deps;
  return {
    async once(effectId, unit) {
      const mark = sql.insertInto('mesh_effects').values({ effect_id: effectId, at: clock.now() });
      const first = toStatement(
        mark.onConflict((conflict) => conflict.doNothing()),
        { expectRows: 1 },
      );
      return !(await wasRefused(store.write([first, ...unit])));
    },
  };
}
