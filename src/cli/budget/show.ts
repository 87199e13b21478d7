import {
  amountWords,
  type BudgetDimension,
  type BudgetLimit,
  BudgetScopeKind,
  DIMENSION_WORDS,
  EVERY_ID,
  type SpendingView,
  scopeArgument,
  WINDOW_WORDS,
} from '../../protocol/budget.ts';
import { table } from '../render/table.ts';
import type { ScopeArgument } from './scope.ts';

/** One line for each dimension that a scope used or is capped in, then the defaults. */
export function budgetLines({ scopes, limits }: SpendingView, wanted: ScopeArgument | undefined): string[] {
  const order = BudgetScopeKind.options;
  const shown = scopes
    .filter(({ kind, id }) => wanted === undefined || (kind === wanted.kind && id === wanted.id))
    .sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || (a.id < b.id ? -1 : 1));
  const rows = shown.flatMap((scope) =>
    scope.dimensions.map(({ dimension, day, month, total, caps, reserved }) => [
      `${scopeArgument(scope)}${scope.team === null ? '' : ` (team ${scope.team})`}`,
      DIMENSION_WORDS[dimension],
      against(dimension, day, caps.day),
      against(dimension, month, caps.month),
      against(dimension, total, caps.total),
      reserved === 0 ? '' : amountWords(dimension, reserved),
    ]),
  );
  const head = ['scope', 'of', 'today', 'this month', 'in all', 'reserved'];
  const defaults = limits.filter(({ kind, id }) => id === EVERY_ID && (wanted === undefined || wanted.kind === kind));
  return [
    ...(rows.length === 0 ? ['Nothing used yet.'] : table([head, ...rows])),
    ...(defaults.length === 0 ? [] : ['', ...defaults.map(defaultLine)]),
  ];
}

function against(dimension: BudgetDimension, used: number, cap: number | null): string {
  return cap === null
    ? amountWords(dimension, used)
    : `${amountWords(dimension, used)} of ${amountWords(dimension, cap)}`;
}

function defaultLine({ kind, dimension, window, cap }: BudgetLimit): string {
  const amount = cap === null ? 'no cap' : amountWords(dimension, cap);
  return `Every ${kind} without its own: ${amount} ${WINDOW_WORDS[window]} (${DIMENSION_WORDS[dimension]})`;
}
