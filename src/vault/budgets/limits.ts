import type { DatabaseSync } from 'node:sqlite';
import {
  BudgetDimension,
  type BudgetLimit,
  BudgetScopeKind,
  BudgetWindow,
  EVERY_ID,
  type LimitRef,
  ORG_ID,
} from '../../protocol/budget.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { type BudgetCaps, DEFAULT_BUDGET } from '../../protocol/vault-api.ts';
import { checkpoint } from '../store/database.ts';
import { dimensionIndex, fromCounted, toCounted, windowIndex } from './amounts.ts';
import type { Scope } from './payers.ts';

/**
 * The caps. Kept in memory; only the owner's socket changes them. A scope's own row beats that of `*`, also when it says
 * expressly that there is none; agents have a built-in cap of money per day and month besides.
 */
export interface Limits {
  /** The caps that hold for a scope. The same list until something changes. */
  of(scope: Scope): readonly Cap[];
  put(limit: BudgetLimit): void;
  /** Back to what `*` says. */
  remove(ref: LimitRef): void;
  all(): readonly BudgetLimit[];
  onChange(listener: () => void): void;
  /** The caps of money alone, as `PUT /budgets/:agent` has them. */
  capsOf(agent: string): BudgetCaps;
  putCaps(agent: string, caps: BudgetCaps): void;
}

export interface Cap {
  readonly dimension: BudgetDimension;
  readonly window: BudgetWindow;
  /** Indexes of the two, for counting. */
  readonly d: number;
  readonly w: number;
  /** In counted units. */
  readonly cap: number;
}

type Rows = Map<string, { ref: LimitRef; cap: number | null }>;

const BUILT_IN: readonly BudgetLimit[] = [
  { kind: 'agent', id: EVERY_ID, dimension: 'usd', window: 'day', cap: DEFAULT_BUDGET.dailyUsd },
  { kind: 'agent', id: EVERY_ID, dimension: 'usd', window: 'month', cap: DEFAULT_BUDGET.monthlyUsd },
];
const REMEMBERED = 20_000;

export function createLimits(database: DatabaseSync): Limits {
  const rows: Rows = new Map();
  const own = new Map<string, Rows>();
  const listeners: (() => void)[] = [];
  const remembered = new Map<string, readonly Cap[]>();
  const defaults = new Map<BudgetScopeKind, readonly Cap[]>();
  for (const limit of [...BUILT_IN, ...stored(database)]) set(rows, own, limit);
  const write = database.prepare(
    `INSERT INTO limits (kind, id, dimension, period, cap) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (kind, id, dimension, period) DO UPDATE SET cap = excluded.cap`,
  );
  const erase = database.prepare('DELETE FROM limits WHERE kind = ? AND id = ? AND dimension = ? AND period = ?');

  const changed = (): void => {
    checkpoint(database);
    remembered.clear();
    defaults.clear();
    for (const listener of listeners) listener();
  };
  const defaultOf = (kind: BudgetScopeKind): readonly Cap[] => {
    const known = defaults.get(kind);
    if (known) return known;
    const caps = capsIn(new Map(own.get(scopeKey({ kind, id: EVERY_ID }))));
    defaults.set(kind, caps);
    return caps;
  };
  const of = (scope: Scope): readonly Cap[] => {
    const key = scopeKey(scope);
    const mine = own.get(key);
    if (mine === undefined) return defaultOf(scope.kind);
    const known = remembered.get(key);
    if (known) return known;
    const caps = capsIn(new Map([...(own.get(scopeKey({ ...scope, id: EVERY_ID })) ?? []), ...mine]));
    if (remembered.size >= REMEMBERED) remembered.clear();
    remembered.set(key, caps);
    return caps;
  };
  const store = (limit: BudgetLimit): void => {
    checkScope(limit);
    const { kind, id, dimension, window } = limit;
    write.run(kind, id, dimension, window, limit.cap === null ? null : toCounted(dimension, limit.cap));
    set(rows, own, limit);
  };
  return {
    of,
    put: (limit) => {
      store(limit);
      changed();
    },
    remove: (ref) => {
      checkScope(ref);
      erase.run(ref.kind, ref.id, ref.dimension, ref.window);
      own.get(scopeKey(ref))?.delete(capKey(ref));
      rows.delete(`${scopeKey(ref)} ${capKey(ref)}`);
      if (own.get(scopeKey(ref))?.size === 0) own.delete(scopeKey(ref));
      for (const limit of BUILT_IN) if (rows.get(rowKey(limit)) === undefined) set(rows, own, limit);
      changed();
    },
    all: () =>
      [...rows.values()].map(({ ref, cap }) => ({
        ...ref,
        cap: cap === null ? null : fromCounted(ref.dimension, cap),
      })),
    onChange: (listener) => void listeners.push(listener),
    capsOf: (agent) => ({
      dailyUsd: usdCap(of({ kind: 'agent', id: agent }), 'day'),
      monthlyUsd: usdCap(of({ kind: 'agent', id: agent }), 'month'),
    }),
    putCaps: (agent, caps) => {
      store({ kind: 'agent', id: agent, dimension: 'usd', window: 'day', cap: caps.dailyUsd });
      store({ kind: 'agent', id: agent, dimension: 'usd', window: 'month', cap: caps.monthlyUsd });
      changed();
    },
  };
}

export function scopeKey({ kind, id }: Scope): string {
  return `${kind}:${id}`;
}

function capKey({ dimension, window }: Pick<LimitRef, 'dimension' | 'window'>): string {
  return `${dimension} ${window}`;
}

function rowKey(ref: LimitRef): string {
  return `${scopeKey(ref)} ${capKey(ref)}`;
}

function set(rows: Rows, own: Map<string, Rows>, { cap, ...ref }: BudgetLimit): void {
  const row = { ref, cap: cap === null ? null : toCounted(ref.dimension, cap) };
  rows.set(rowKey(ref), row);
  const mine = own.get(scopeKey(ref)) ?? new Map();
  mine.set(capKey(ref), row);
  own.set(scopeKey(ref), mine);
}

function capsIn(rows: Rows): readonly Cap[] {
  return [...rows.values()].flatMap(({ ref: { dimension, window }, cap }) =>
    cap === null ? [] : [{ dimension, window, d: dimensionIndex(dimension), w: windowIndex(window), cap }],
  );
}

function usdCap(caps: readonly Cap[], window: BudgetWindow): number | null {
  const found = caps.find((cap) => cap.dimension === 'usd' && cap.window === window);
  return found ? fromCounted('usd', found.cap) : null;
}

function checkScope({ kind, id }: LimitRef): void {
  if (kind === 'org' && id !== ORG_ID)
    throw new HoldfastError('bad-request', `There is one org, and its id is ${ORG_ID}, not ${id}.`);
}

function stored(database: DatabaseSync): BudgetLimit[] {
  return database
    .prepare('SELECT kind, id, dimension, period, cap FROM limits')
    .all()
    .map((row) => {
      const dimension = BudgetDimension.parse(row.dimension);
      return {
        kind: BudgetScopeKind.parse(row.kind),
        id: String(row.id),
        dimension,
        window: BudgetWindow.parse(row.period),
        cap: row.cap === null ? null : fromCounted(dimension, Number(row.cap)),
      };
    });
}
