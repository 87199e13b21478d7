import type { NanoUsd } from './pricing.ts';

/**
 * What every agent has spent and reserved today and this month (UTC). An index over the ledger's rows, never the truth:
 * it is counted anew from them at every start, so it cannot drift. A call belongs to the day it was reserved on.
 */
export interface Spent {
  readonly todayNano: NanoUsd;
  readonly monthNano: NanoUsd;
  readonly reservedNano: NanoUsd;
  readonly callsToday: number;
}

interface Counter {
  day: number;
  month: number;
  todayNano: number;
  monthNano: number;
  reservedNano: number;
  callsToday: number;
}

const DAY_MS = 86_400_000;
const NOTHING: Spent = { todayNano: 0, monthNano: 0, reservedNano: 0, callsToday: 0 };

export class Spending {
  readonly #counters = new Map<string, Counter>();

  of(agent: string, now: number): Spent {
    const counter = this.#counters.get(agent);
    if (!counter) return NOTHING;
    roll(counter, now);
    return { ...counter };
  }

  agents(): IterableIterator<string> {
    return this.#counters.keys();
  }

  reserve(agent: string, at: number, amount: NanoUsd): void {
    const counter = this.#counter(agent, at);
    counter.todayNano += amount;
    counter.monthNano += amount;
    counter.reservedNano += amount;
    counter.callsToday += 1;
  }

  /** The reservation made at `at` becomes `cost`. */
  settle(agent: string, call: { at: number; now: number; reserved: NanoUsd; cost: NanoUsd }): void {
    const counter = this.#counter(agent, call.now);
    const change = call.cost - call.reserved;
    counter.reservedNano -= call.reserved;
    if (dayOf(call.at) === counter.day) counter.todayNano += change;
    if (monthOf(call.at) === counter.month) counter.monthNano += change;
  }

  /** A finished call read from the ledger at start. */
  count(agent: string, call: { at: number; now: number; cost: NanoUsd }): void {
    const counter = this.#counter(agent, call.now);
    if (dayOf(call.at) === counter.day) {
      counter.todayNano += call.cost;
      counter.callsToday += 1;
    }
    if (monthOf(call.at) === counter.month) counter.monthNano += call.cost;
  }

  /** Undoes `reserve` for a row that was never written. */
  forget(agent: string, call: { at: number; now: number; reserved: NanoUsd }): void {
    this.settle(agent, { ...call, cost: 0 });
    const counter = this.#counter(agent, call.now);
    if (dayOf(call.at) === counter.day) counter.callsToday -= 1;
  }

  #counter(agent: string, now: number): Counter {
    const existing = this.#counters.get(agent);
    if (existing) {
      roll(existing, now);
      return existing;
    }
    const fresh = { ...NOTHING, day: dayOf(now), month: monthOf(now) };
    this.#counters.set(agent, fresh);
    return fresh;
  }
}

export function monthStart(now: number): number {
  const date = new Date(now);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
}

function roll(counter: Counter, now: number): void {
  const day = dayOf(now);
  // A clock set back must not open a new budget.
  if (day <= counter.day) return;
  counter.day = day;
  counter.todayNano = 0;
  counter.callsToday = 0;
  const month = monthOf(now);
  if (month === counter.month) return;
  counter.month = month;
  counter.monthNano = 0;
}

function dayOf(at: number): number {
  return Math.floor(at / DAY_MS);
}

function monthOf(at: number): number {
  const date = new Date(at);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}
