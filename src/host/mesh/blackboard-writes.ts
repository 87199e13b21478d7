import { sql as raw } from 'kysely';
import type { Clock } from '../../base/clock.ts';
import { uuidv7 } from '../../base/id.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { toStatement } from '../../storage/query.ts';
import type { Statement } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import { labels } from '../labels/stored-label.ts';
import type { Entry } from './blackboard.ts';
import { isHistory } from './keys.ts';
import type { BlackboardTable } from './tables.ts';

export const MAX_VALUE_BYTES = 262_144;

/** The statements of a write: what has expired goes first, the version is counted by the database, the history is in the unit. */
export interface BlackboardWrites {
  anyVersion(entry: Omit<Entry, 'expectedVersion'>): Statement[];
  thatVersion(entry: Entry & { expectedVersion: number }): Statement[];
  /** Copies the row as it stands into the history. */
  note(key: string, act: 'write' | 'remove', by: string): Statement;
}

export function createBlackboardWrites({ sql, clock }: { sql: HostSql; clock: Clock }): BlackboardWrites {
  const note = (key: string, act: string, by: string): Statement =>
    toStatement(
      sql
        .insertInto('blackboard_history')
        .columns(['id', 'key', 'version', 'act', 'value', 'label', 'by_agent', 'at'])
        .expression(
          sql
            .selectFrom('blackboard')
            .where('key', '=', key)
            .select([
              raw<string>`CAST(${uuidv7()} AS TEXT)`.as('id'),
              'key',
              'version',
              raw<string>`CAST(${act} AS TEXT)`.as('act'),
              'value',
              'label',
              raw<string>`CAST(${by} AS TEXT)`.as('by_agent'),
              raw<number>`CAST(${clock.now()} AS BIGINT)`.as('at'),
            ]),
        ),
    );
  const dropExpired = (key: string): Statement =>
    toStatement(sql.deleteFrom('blackboard').where('key', '=', key).where('expires_at', '<=', clock.now()));

  const anyVersion = (entry: Omit<Entry, 'expectedVersion'>): Statement[] => {
    const row = newRow(entry, clock.now());
    const { key: _key, version: _version, created_at: _created, ...fresh } = row;
    const insert = sql.insertInto('blackboard').values(row);
    const grows = isHistory(entry.key);
    const upsert = insert.onConflict((conflict) =>
      conflict.column('key').doUpdateSet({ ...fresh, version: raw`blackboard.version + 1` }),
    );
    return [
      dropExpired(entry.key),
      toStatement(grows ? insert.onConflict((conflict) => conflict.doNothing()) : upsert, { expectRows: 1 }),
      note(entry.key, 'write', entry.by),
    ];
  };

  const thatVersion = (entry: Entry & { expectedVersion: number }): Statement[] => {
    const row = newRow(entry, clock.now());
    const { key: _key, version: _version, created_at: _created, ...fresh } = row;
    const write =
      entry.expectedVersion === 0
        ? toStatement(
            sql
              .insertInto('blackboard')
              .values(row)
              .onConflict((conflict) => conflict.doNothing()),
            { expectRows: 1 },
          )
        : toStatement(
            sql
              .updateTable('blackboard')
              .set({ ...fresh, version: entry.expectedVersion + 1 })
              .where('key', '=', entry.key)
              .where('version', '=', entry.expectedVersion),
            { expectRows: 1 },
          );
    return [dropExpired(entry.key), write, note(entry.key, 'write', entry.by)];
  };

  return { anyVersion, thatVersion, note };
}

function newRow(entry: Omit<Entry, 'expectedVersion'>, now: number): BlackboardTable {
  const value = JSON.stringify(entry.value);
  if (Buffer.byteLength(value) > MAX_VALUE_BYTES) {
    throw new HoldfastError('too-large', `The value of ${entry.key} has ${Buffer.byteLength(value)} bytes.`, {
      remedy: `At most ${MAX_VALUE_BYTES} fit: save it as an artifact and write its name here.`,
    });
  }
  const lasting = entry.ttlSeconds === undefined || isHistory(entry.key);
  return {
    key: entry.key,
    value,
    version: 1,
    written_by: entry.by,
    label: labels.store(entry.label),
    created_at: now,
    updated_at: now,
    expires_at: lasting ? null : now + (entry.ttlSeconds ?? 0) * 1_000,
  };
}
