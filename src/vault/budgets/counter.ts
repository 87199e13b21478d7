import type { BudgetWindow } from '../../protocol/budget.ts';
import { type Amounts, DIMENSION_COUNT } from './amounts.ts';
import { dayOf, monthOf } from './calendar.ts';

/**
 * What one scope has used and reserved, per dimension and window. An index over the ledger's rows, never the truth: it is
 * counted anew from them, so it cannot drift. An amount belongs to the day on which it was reserved.
 */
export class Counter {
  /** Day, month and total, each with all dimensions. */
  readonly #used = new Float64Array(3 * DIMENSION_COUNT);
  readonly #reserved = new Float64Array(DIMENSION_COUNT);
  #day: number;
  #month: number;

  constructor(now: number) {
    this.#day = dayOf(now);
    this.#month = monthOf(now);
  }

  /** Settled plus reserved. */
  used(d: number, w: number): number {
    return this.#used[w * DIMENSION_COUNT + d] ?? 0;
  }

  reserved(d: number): number {
    return this.#reserved[d] ?? 0;
  }

  /** Begins new windows. A clock that was set back must not open a new budget. */
  roll(now: number): void {
    const day = dayOf(now);
    if (day <= this.#day) return;
    this.#day = day;
    this.#used.fill(0, 0, DIMENSION_COUNT);
    const month = monthOf(now);
    if (month === this.#month) return;
    this.#month = month;
    this.#used.fill(0, DIMENSION_COUNT, 2 * DIMENSION_COUNT);
  }

  reserve(amounts: Amounts): void {
    for (let d = 0; d < DIMENSION_COUNT; d += 1) {
      const amount = amounts[d] ?? 0;
      if (amount === 0) continue;
      this.#reserved[d] = this.reserved(d) + amount;
      for (let w = 0; w < 3; w += 1) this.#add(d, w, amount);
    }
  }

  /** What was reserved at `at` becomes `cost`. */
  settle(at: number, reserved: Amounts, cost: Amounts): void {
    const today = dayOf(at) === this.#day;
    const thisMonth = monthOf(at) === this.#month;
    for (let d = 0; d < DIMENSION_COUNT; d += 1) {
      const change = (cost[d] ?? 0) - (reserved[d] ?? 0);
      // A counter made while a block of traffic was open did not know it as reserved.
      this.#reserved[d] = Math.max(0, this.reserved(d) - (reserved[d] ?? 0));
      if (change === 0) continue;
      if (today) this.#add(d, 0, change);
      if (thisMonth) this.#add(d, 1, change);
      this.#add(d, 2, change);
    }
  }

  /** Adds what the ledger says. */
  count(window: BudgetWindow | 'reserved', amounts: Amounts): void {
    for (let d = 0; d < DIMENSION_COUNT; d += 1) {
      const amount = amounts[d] ?? 0;
      if (window === 'reserved') this.#reserved[d] = this.reserved(d) + amount;
      else this.#add(d, window === 'day' ? 0 : window === 'month' ? 1 : 2, amount);
    }
  }

  #add(d: number, w: number, amount: number): void {
    this.#used[w * DIMENSION_COUNT + d] = this.used(d, w) + amount;
  }
}
