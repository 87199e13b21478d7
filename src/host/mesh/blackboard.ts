import { sql as raw } from 'kysely';
import type { Clock } from '../../base/clock.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { JsonValue } from '../../protocol/json.ts';
import type { Label } from '../../protocol/label.ts';
import { readAll, readOne, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import { wasRefused } from '../steering/refused-unit.ts';
import { createBlackboardWrites } from './blackboard-writes.ts';
import { isHistory } from './keys.ts';
import type { BlackboardHistoryTable, BlackboardTable } from './tables.ts';

/**
 * Shared state with versions. A write names the version it has seen or none; of many writers that name the same one
 * exactly one succeeds. What has expired is gone for every reader at once, whenever it is cleared away. Keys under
 * `history/` are written once. Every write carries the label of what led to it.
 */
export interface Blackboard {
  read(key: string): Promise<BlackboardTable | undefined>;
  /** Rows whose key starts so, by key. */
  list(prefix: string, limit: number): Promise<BlackboardTable[]>;
  /** Throws `conflict` when somebody else was faster, or when the key only grows. `also`: rows of the same unit. */
  write(entry: Entry, also?: readonly Statement[]): Promise<BlackboardTable>;
  /** The statements of a write that needs no version, for a unit of the caller's. */
  statements(entry: Omit<Entry, 'expectedVersion'>): Statement[];
  remove(key: string, by: string, expectedVersion?: number): Promise<void>;
  /** Oldest first. */
  history(key: string, limit: number): Promise<BlackboardHistoryTable[]>;
  /** Clears away what has expired; what stands under `history/` never does. Returns how many. */
  collect(): Promise<number>;
}

export interface Entry {
  readonly key: string;
  readonly value: JsonValue;
  readonly by: string;
  readonly label: Label;
  /** 0: only when there is none yet. Absent: whatever is there. */
  readonly expectedVersion?: number | undefined;
  readonly ttlSeconds?: number | undefined;
}

export function createBlackboard(deps: { store: Store; sql: HostSql; clock: Clock }): Blackboard {
  const { store, sql, clock } = deps;
  const live = () =>
    sql
      .selectFrom('blackboard')
      .selectAll()
      .where((row) => row.or([row('expires_at', 'is', null), row('expires_at', '>', clock.now())]));
  const read = (key: string) => readOne(store, live().where('key', '=', key));
  const { note, anyVersion, thatVersion } = createBlackboardWrites(deps);

  return {
    read,
    statements: anyVersion,
    list: (prefix, limit) =>
      readAll(
        store,
        live()
          .where(raw<boolean>`key LIKE ${`${prefix.replaceAll(/[\\%_]/g, '\\$&')}%`} ESCAPE '\\'`)
          .orderBy('key')
          .limit(limit),
      ),
    async write(entry, also = []) {
      const { expectedVersion } = entry;
      if (isHistory(entry.key) && (expectedVersion ?? 0) > 0) throw onlyGrows(entry.key);
      const unit = expectedVersion === undefined ? anyVersion(entry) : thatVersion({ ...entry, expectedVersion });
      if (await wasRefused(store.write([...unit, ...also]))) throw await overtaken(entry, await read(entry.key));
      const written = await read(entry.key);
      if (written === undefined) throw new HoldfastError('conflict', `${entry.key} was removed at the same moment.`);
      return written;
    },
    async remove(key, by, expectedVersion) {
      if (isHistory(key)) throw onlyGrows(key);
      const found = sql.deleteFrom('blackboard').where('key', '=', key);
      const gone = toStatement(expectedVersion === undefined ? found : found.where('version', '=', expectedVersion), {
        expectRows: 1,
      });
      if (await wasRefused(store.write([note(key, 'remove', by), gone]))) {
        throw new HoldfastError('conflict', `${key} is not there, or not in that version.`, {
          remedy: 'Read it again.',
        });
      }
    },
    history: async (key, limit) =>
      (
        await readAll(
          store,
          sql.selectFrom('blackboard_history').selectAll().where('key', '=', key).orderBy('id', 'desc').limit(limit),
        )
      ).reverse(),
    async collect() {
      const [result] = await store.write([
        toStatement(
          sql.deleteFrom('blackboard').where('expires_at', '<=', clock.now()).where('key', 'not like', '%history/%'),
        ),
      ]);
      return result?.changes ?? 0;
    },
  };
}

function onlyGrows(key: string): HoldfastError {
  return new HoldfastError('conflict', `${key} is history: it is written once and stays.`, {
    remedy: 'Write under a new key, such as history/<date>.',
  });
}

async function overtaken(entry: Entry, now: BlackboardTable | undefined): Promise<HoldfastError> {
  if (isHistory(entry.key)) return onlyGrows(entry.key);
  const state = now === undefined ? 'is not there' : `has version ${now.version} by ${now.written_by}`;
  return new HoldfastError('conflict', `${entry.key} ${state}; you named version ${entry.expectedVersion ?? 'none'}.`, {
    remedy: 'Read it, take its value into account and write with the version that it has.',
    details: { version: now?.version ?? 0 },
  });
}
