import type { Clock } from '../../base/clock.ts';
import { uuidv7 } from '../../base/id.ts';
import { restorable } from '../../policy/undo.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { JsonValue } from '../../protocol/json.ts';
import { readAll, readOne, run, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { AuditSink } from '../audit/sink.ts';
import type { Principal } from '../control.ts';
import type { HostSql } from '../database.ts';
import type { ChangesTable } from './tables.ts';

/**
 * Changes that can be taken back for a while: five minutes for soft ones (words: instructions, soul, heartbeat, interface,
 * role), thirty for hard ones (what an agent may do and spend). A receipt works once. Taking a change of permissions back
 * never gives again what was taken away since.
 */
export interface Changes {
  /** For the unit that makes the change: its row, and the receipt that takes it back. */
  record(change: NewChange): { receipt: Receipt; statement: Statement };
  /** Throws `not-found` when the receipt was used, has expired or never was; then nothing happened. */
  undo(receiptId: string, by: Principal): Promise<ChangeView>;
  /** Newest first. */
  list(limit: number): Promise<ChangeView[]>;
  /** Who puts a value back, once for each kind of target. */
  restoreBy(targetKind: string, restore: Restore): void;
}

/** Contract: sets the field as a change of its own (with its own row here), or throws and has changed nothing. */
export type Restore = (change: { target: string; field: string; value: JsonValue; by: Principal }) => Promise<void>;

export interface NewChange {
  /** `agent`, `team`, `template` … */
  readonly targetKind: string;
  readonly target: string;
  readonly field: string;
  readonly before: JsonValue;
  readonly after: JsonValue;
  readonly by: Principal;
}

export interface Receipt {
  readonly id: string;
  readonly kind: ChangeKind;
  readonly expiresAt: number;
}

export type ChangeKind = 'soft' | 'hard';

export interface ChangeView extends Receipt {
  readonly targetKind: string;
  readonly target: string;
  readonly field: string;
  readonly by: string;
  readonly createdAt: number;
  readonly undoneBy: string | null;
  /** Whether the receipt still works. */
  readonly undoable: boolean;
}

const SOFT_FIELDS = new Set(['instructions', 'soul', 'heartbeat', 'heartbeat_schedule', 'interface', 'role']);
const UNDO_MS: Readonly<Record<ChangeKind, number>> = { soft: 300_000, hard: 1_800_000 };

/** A field that nobody called soft is hard: it can be taken back longer and is looked at harder. */
export const kindOf = (field: string): ChangeKind => (SOFT_FIELDS.has(field) ? 'soft' : 'hard');

export interface ChangesDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly clock: Clock;
  readonly audit: AuditSink;
}

export function createChanges({ store, sql, clock, audit }: ChangesDeps): Changes {
  const restorers = new Map<string, Restore>();
  const rows = () => sql.selectFrom('changes').selectAll();

  const claim = async (row: ChangesTable, by: Principal): Promise<void> => {
    const used = sql
      .updateTable('changes')
      .set({ undone_at: clock.now(), undone_by: by.id })
      .where('id', '=', row.id)
      .where('undone_at', 'is', null);
    const { id: actor, surface } = by;
    const entry = { actor, surface, action: 'change.undone', target: row.id, outcome: 'done' } as const;
    await store.write([toStatement(used, { expectRows: 1 }), audit.row(entry)]).catch((error: unknown) => {
      throw HoldfastError.from(error).code === 'storage.guard-failed' ? unknownReceipt(row.id) : error;
    });
  };

  return {
    restoreBy: (targetKind, restore) => void restorers.set(targetKind, restore),
    record(change) {
      const row = newRow(change, clock.now());
      return { receipt: toReceipt(row), statement: toStatement(sql.insertInto('changes').values(row)) };
    },
    async undo(receiptId, by) {
      const row = await readOne(store, rows().where('id', '=', receiptId));
      const restore = row === undefined ? undefined : restorers.get(row.target_kind);
      if (row === undefined || restore === undefined || !isUndoable(row, clock.now())) throw unknownReceipt(receiptId);
      const value = await valueToRestore(row, { store, sql });
      await claim(row, by);
      try {
        await restore({ target: row.target, field: row.field, value, by });
      } catch (error) {
        const free = sql.updateTable('changes').set({ undone_at: null, undone_by: null });
        await run(store, free.where('id', '=', row.id));
        throw error;
      }
      return toView({ ...row, undone_at: clock.now(), undone_by: by.id }, clock.now());
    },
    async list(limit) {
      const newest = rows().orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit);
      return (await readAll(store, newest)).map((row) => toView(row, clock.now()));
    },
  };
}

async function valueToRestore(row: ChangesTable, { store, sql }: { store: Store; sql: HostSql }): Promise<JsonValue> {
  const before = read(row.before);
  if (row.field !== 'permissions') return before;
  const later = await readAll(
    store,
    sql
      .selectFrom('changes')
      .select(['before', 'after'])
      .where('target_kind', '=', row.target_kind)
      .where('target', '=', row.target)
      .where('field', '=', row.field)
      .where((change) =>
        change.or([
          change('created_at', '>', row.created_at),
          change.and([change('created_at', '=', row.created_at), change('id', '>', row.id)]),
        ]),
      )
      .orderBy('created_at')
      .orderBy('id'),
  );
  return restorable(
    before,
    later.map((change) => ({ before: read(change.before), after: read(change.after) })),
  );
}

const read = (column: string): JsonValue => JsonValue.parse(JSON.parse(column));

function newRow(change: NewChange, at: number): ChangesTable {
  const kind = kindOf(change.field);
  return {
    id: `chg_${uuidv7()}`,
    target_kind: change.targetKind,
    target: change.target,
    field: change.field,
    kind,
    before: JSON.stringify(change.before),
    after: JSON.stringify(change.after),
    actor: change.by.id,
    surface: change.by.surface,
    created_at: at,
    expires_at: at + UNDO_MS[kind],
    undone_at: null,
    undone_by: null,
  };
}

const isUndoable = (row: ChangesTable, now: number): boolean => row.undone_at === null && row.expires_at > now;

const toReceipt = (row: ChangesTable): Receipt => ({
  id: row.id,
  kind: row.kind === 'soft' ? 'soft' : 'hard',
  expiresAt: row.expires_at,
});

const toView = (row: ChangesTable, now: number): ChangeView => ({
  ...toReceipt(row),
  ...{ targetKind: row.target_kind, target: row.target, field: row.field },
  by: `${row.actor} (${row.surface})`,
  createdAt: row.created_at,
  undoneBy: row.undone_by,
  undoable: isUndoable(row, now),
});

const unknownReceipt = (id: string): HoldfastError =>
  new HoldfastError('not-found', `There is no change ${id} that can be taken back.`, {
    remedy: 'Soft changes can be taken back for 5 minutes, hard ones for 30, each once.',
  });
