import type { BudgetWindow } from '../../protocol/budget.ts';

/** Days and months of budgets are UTC. */
export const DAY_MS = 86_400_000;

export function dayOf(at: number): number {
  return Math.floor(at / DAY_MS);
}

export function monthOf(at: number): number {
  const date = new Date(at);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

export function monthStart(at: number): number {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
}

/** When the window that `at` is in began; 0 for `total`. */
export function windowStart(window: BudgetWindow, at: number): number {
  if (window === 'total') return 0;
  return window === 'day' ? dayOf(at) * DAY_MS : monthStart(at);
}

/** When it begins anew. */
export function windowEnd(window: BudgetWindow, at: number): number | null {
  if (window === 'total') return null;
  if (window === 'day') return (dayOf(at) + 1) * DAY_MS;
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}
