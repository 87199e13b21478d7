import { BUDGET_DIMENSIONS, BUDGET_WINDOWS, type BudgetDimension, type BudgetWindow } from '../../protocol/budget.ts';
import { fromUsd, toUsd } from '../model/pricing.ts';

/** Amounts of the five dimensions, in the order of `BUDGET_DIMENSIONS`; money in nano-dollars, all whole numbers. */
export type Amounts = readonly [usd: number, tokens: number, calls: number, egressBytes: number, wallMs: number];

export const NOTHING: Amounts = [0, 0, 0, 0, 0];
export const DIMENSION_COUNT = BUDGET_DIMENSIONS.length;

export const dimensionIndex = (dimension: BudgetDimension): number => BUDGET_DIMENSIONS.indexOf(dimension);
export const windowIndex = (window: BudgetWindow): number => BUDGET_WINDOWS.indexOf(window);

/** Of one dimension alone. */
export function only(dimension: BudgetDimension, amount: number): Amounts {
  const at = dimensionIndex(dimension);
  return [
    at === 0 ? amount : 0,
    at === 1 ? amount : 0,
    at === 2 ? amount : 0,
    at === 3 ? amount : 0,
    at === 4 ? amount : 0,
  ];
}

/** From the unit people use to the one that is counted. */
export function toCounted(dimension: BudgetDimension, amount: number): number {
  return dimension === 'usd' ? fromUsd(amount) : Math.floor(amount);
}

export function fromCounted(dimension: BudgetDimension, amount: number): number {
  return dimension === 'usd' ? toUsd(amount) : amount;
}
