import {
  BUDGET_DIMENSIONS,
  type BudgetDimension,
  type DimensionView,
  EVERY_ID,
  type ScopeView,
  type SpendingView,
} from '../../protocol/budget.ts';
import { dimensionIndex, fromCounted } from './amounts.ts';
import type { Budgets } from './budgets.ts';
import type { Counter } from './counter.ts';
import type { Cap } from './limits.ts';
import type { Scope } from './payers.ts';

type Source = Pick<Budgets, 'limits' | 'spending' | 'teams'>;

/** Every scope with any use or a cap of its own; of runs and tasks only those that are counted now. */
export function readSpending({ limits, spending, teams }: Source): SpendingView {
  const all = limits.all();
  const scopes = new Map<string, Scope>();
  for (const { kind, id } of [...spending.scopes(), ...all])
    if (id !== EVERY_ID) scopes.set(`${kind}:${id}`, { kind, id });
  return {
    limits: [...all],
    scopes: [...scopes.values()].map((scope) => ({
      ...scope,
      team: scope.kind === 'agent' ? teams.of(scope.id) : null,
      dimensions: dimensionsOf(spending.counterOf(scope), limits.of(scope)),
    })),
  };
}

function dimensionsOf(counter: Counter, caps: readonly Cap[]): ScopeView['dimensions'] {
  return BUDGET_DIMENSIONS.flatMap((dimension) => {
    const view = viewOf(dimension, counter, caps);
    const { day, month, total } = view.caps;
    return view.total === 0 && day === null && month === null && total === null ? [] : [view];
  });
}

function viewOf(dimension: BudgetDimension, counter: Counter, caps: readonly Cap[]): DimensionView {
  const d = dimensionIndex(dimension);
  const used = (w: number): number => fromCounted(dimension, counter.used(d, w));
  const capOf = (w: number): number | null => {
    const cap = caps.find((one) => one.d === d && one.w === w);
    return cap === undefined ? null : fromCounted(dimension, cap.cap);
  };
  return {
    dimension,
    day: used(0),
    month: used(1),
    total: used(2),
    reserved: fromCounted(dimension, counter.reserved(d)),
    caps: { day: capOf(0), month: capOf(1), total: capOf(2) },
  };
}
