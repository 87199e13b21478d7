import type { BudgetRefusal } from '../../protocol/budget.ts';
import { type Amounts, fromCounted } from './amounts.ts';
import { windowEnd } from './calendar.ts';
import { Counter } from './counter.ts';
import type { LedgerSums } from './ledger-sums.ts';
import { type Cap, type Limits, scopeKey } from './limits.ts';
import { type Payer, type Scope, scopesOf } from './payers.ts';
import type { Warnings } from './warnings.ts';

/**
 * The wall itself. `admit` looks at every cap of every scope of a call and counts the reservation in the same turn of the
 * event loop, and this process alone writes the ledger, so any number of parallel calls sees each other's reservations.
 *
 * Org, teams and agents are always counted. A run or a task is counted only while a cap of it has to be looked at; its
 * counter is a cache that can be dropped at any time, because `LedgerSums` makes the same one again.
 */
export interface Spending {
  /** Reserves, or says which cap refuses; then nothing is counted. */
  admit(payer: Payer, needs: Amounts): BudgetRefusal | undefined;
  /** The same without reserving. */
  check(payer: Payer, needs: Amounts): BudgetRefusal | undefined;
  /** What was reserved at `at` becomes `cost`. */
  settle(payer: Payer, change: { at: number; reserved: Amounts; cost: Amounts }): void;
  /** Counts what was used without asking. */
  add(payer: Payer, amounts: Amounts): void;
  counterOf(scope: Scope): Counter;
  /** Org, teams and agents with any use, and the runs and tasks that are counted. */
  scopes(): readonly Scope[];
}

export interface SpendingDeps {
  readonly limits: Limits;
  readonly sums: LedgerSums;
  readonly warnings: Warnings;
  /** Commits what waits, before rows are summed. */
  readonly flush: () => void;
  readonly now: () => number;
}

interface Entry {
  readonly scope: Scope;
  readonly counter: Counter;
}

/** Runs and tasks in the cache. */
const MOST_COUNTED = 10_000;

export function createSpending(deps: SpendingDeps): Spending {
  return new ScopeSpending(deps);
}

class ScopeSpending implements Spending {
  readonly #deps: SpendingDeps;
  readonly #lasting: Map<string, Entry>;
  readonly #cached = new Map<string, Entry>();

  constructor(deps: SpendingDeps) {
    this.#deps = deps;
    this.#lasting = deps.sums.all(deps.now());
  }

  admit(payer: Payer, needs: Amounts): BudgetRefusal | undefined {
    const refusal = this.check(payer, needs);
    if (refusal === undefined) for (const scope of scopesOf(payer)) this.#counted(scope)?.reserve(needs);
    else if (!refusal.temporary) this.#deps.warnings.reached(refusal, payer);
    return refusal;
  }

  check(payer: Payer, needs: Amounts): BudgetRefusal | undefined {
    const now = this.#deps.now();
    for (const scope of scopesOf(payer)) {
      const caps = this.#deps.limits.of(scope);
      if (caps.length === 0) continue;
      const counter = this.#needed(scope);
      counter.roll(now);
      const cap = caps.find(({ d, w, cap }) => (needs[d] ?? 0) > 0 && counter.used(d, w) + (needs[d] ?? 0) > cap);
      if (cap) return refusalOf(scope, { cap, counter, needs, now });
    }
    return undefined;
  }

  settle(payer: Payer, { at, reserved, cost }: { at: number; reserved: Amounts; cost: Amounts }): void {
    const now = this.#deps.now();
    for (const scope of scopesOf(payer)) {
      const counter = this.#counted(scope);
      if (!counter) continue;
      counter.roll(now);
      counter.settle(at, reserved, cost);
      const caps = this.#deps.limits.of(scope);
      if (caps.length > 0) this.#deps.warnings.look({ scope, caps, counter, payer });
    }
  }

  add(payer: Payer, amounts: Amounts): void {
    const now = this.#deps.now();
    for (const scope of scopesOf(payer)) {
      const counter = this.#counted(scope);
      counter?.roll(now);
      counter?.reserve(amounts);
    }
    this.settle(payer, { at: now, reserved: amounts, cost: amounts });
  }

  counterOf(scope: Scope): Counter {
    const counter = this.#needed(scope);
    counter.roll(this.#deps.now());
    return counter;
  }

  scopes(): readonly Scope[] {
    return [...this.#lasting.values(), ...this.#cached.values()].map(({ scope }) => scope);
  }

  /** Where this scope is counted now, if it is. */
  #counted(scope: Scope): Counter | undefined {
    if (isLasting(scope)) return this.#needed(scope);
    return this.#cached.get(scopeKey(scope))?.counter;
  }

  #needed(scope: Scope): Counter {
    const { now, sums, flush } = this.#deps;
    const key = scopeKey(scope);
    const entries = isLasting(scope) ? this.#lasting : this.#cached;
    const known = entries.get(key);
    if (known) return known.counter;
    if (!isLasting(scope)) flush();
    const counter = isLasting(scope) ? new Counter(now()) : sums.one(scope, now());
    entries.set(key, { scope, counter });
    if (this.#cached.size > MOST_COUNTED) this.#dropOldest();
    return counter;
  }

  #dropOldest(): void {
    const { value: oldest } = this.#cached.keys().next();
    if (oldest !== undefined) this.#cached.delete(oldest);
  }
}

function isLasting({ kind }: Scope): boolean {
  return kind !== 'run' && kind !== 'task';
}

function refusalOf(
  scope: Scope,
  { cap, counter, needs, now }: { cap: Cap; counter: Counter; needs: Amounts; now: number },
): BudgetRefusal {
  const { dimension, window, d, w } = cap;
  const spent = counter.used(d, w);
  const needed = needs[d] ?? 0;
  return {
    ...scope,
    dimension,
    window,
    cap: fromCounted(dimension, cap.cap),
    spent: fromCounted(dimension, spent),
    needed: fromCounted(dimension, needed),
    temporary: spent - counter.reserved(d) + needed <= cap.cap,
    resetsAt: windowEnd(window, now),
  };
}
