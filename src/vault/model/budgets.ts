import type { DatabaseSync } from 'node:sqlite';
import { type BudgetCaps, DEFAULT_BUDGET } from '../../protocol/vault-api.ts';
import { checkpoint } from '../store/database.ts';
import { fromUsd, type NanoUsd, toUsd } from './pricing.ts';

/** Caps in nano-dollars; `null` = no cap. */
export interface NanoCaps {
  readonly daily: NanoUsd | null;
  readonly monthly: NanoUsd | null;
}

/** The caps per agent, `*` being the default. Kept in memory; only the owner's socket changes them. */
export interface Budgets {
  of(agent: string): NanoCaps;
  put(agent: string, caps: BudgetCaps): void;
  agents(): readonly string[];
}

const DEFAULT_NAME = '*';

export function createBudgets(database: DatabaseSync): Budgets {
  const caps = new Map<string, NanoCaps>([[DEFAULT_NAME, toNano(DEFAULT_BUDGET)]]);
  for (const row of database.prepare('SELECT agent, daily_nano, monthly_nano FROM budgets').all()) {
    caps.set(String(row.agent), { daily: nullable(row.daily_nano), monthly: nullable(row.monthly_nano) });
  }
  const write = database.prepare(
    `INSERT INTO budgets (agent, daily_nano, monthly_nano) VALUES (?, ?, ?) ON CONFLICT (agent) DO UPDATE
     SET daily_nano = excluded.daily_nano, monthly_nano = excluded.monthly_nano`,
  );
  const fallback = toNano(DEFAULT_BUDGET);
  return {
    of: (agent) => caps.get(agent) ?? caps.get(DEFAULT_NAME) ?? fallback,
    put: (agent, wanted) => {
      const next = toNano(wanted);
      write.run(agent, next.daily, next.monthly);
      checkpoint(database);
      caps.set(agent, next);
    },
    agents: () => [...caps.keys()],
  };
}

export function toCaps(caps: NanoCaps): BudgetCaps {
  return {
    dailyUsd: caps.daily === null ? null : toUsd(caps.daily),
    monthlyUsd: caps.monthly === null ? null : toUsd(caps.monthly),
  };
}

function toNano(caps: BudgetCaps): NanoCaps {
  return {
    daily: caps.dailyUsd === null ? null : fromUsd(caps.dailyUsd),
    monthly: caps.monthlyUsd === null ? null : fromUsd(caps.monthlyUsd),
  };
}

function nullable(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
