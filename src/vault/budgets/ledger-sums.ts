import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { BUDGET_WINDOWS, BudgetScopeKind, type BudgetWindow, ORG_ID } from '../../protocol/budget.ts';
import { transact } from '../store/database.ts';
import type { Meta } from '../store/meta.ts';
import type { Amounts } from './amounts.ts';
import { DAY_MS, dayOf, monthStart } from './calendar.ts';
import { Counter } from './counter.ts';
import type { Scope } from './payers.ts';

/**
 * Counters from the ledger's rows. Org, teams and agents are summed at every start, from one row per closed day and from
 * the rows since; runs and tasks are summed when they are asked for, by an index. Days are closed only at a start, when
 * nothing is under way.
 */
export interface LedgerSums {
  /** Makes one row of every closed day. Call it before `all`, once. */
  closeDays(now: number): void;
  /** Org, teams and agents. */
  all(now: number): Map<string, { scope: Scope; counter: Counter }>;
  /** A run or a task, with what it has reserved. */
  one(scope: Scope, now: number): Counter;
}

const CLOSED_UNTIL = 'spending.closed-until-day';
const SUMS = 'sum(usd), sum(tokens), sum(calls), sum(egress), sum(wall)';
/** All rows of one shape: who, which day, how much. What is reserved counts as used. */
const ROWS = `
  SELECT agent, team, run, task, started_at / ${DAY_MS} AS day,
    CASE state WHEN 'reserved' THEN reserved_nano ELSE cost_nano END AS usd,
    CASE state WHEN 'reserved' THEN reserved_tokens ELSE tokens END AS tokens,
    1 AS calls, 0 AS egress, 0 AS wall,
    CASE state WHEN 'reserved' THEN reserved_nano ELSE 0 END AS reserved_usd,
    CASE state WHEN 'reserved' THEN reserved_tokens ELSE 0 END AS reserved_tokens,
    state = 'reserved' AS reserved_calls
  FROM calls WHERE `;
const CHARGES = `
  SELECT agent, nullif(team, '') AS team, nullif(run, '') AS run, nullif(task, '') AS task, day, 0, 0, 0,
    CASE dimension WHEN 'egressBytes' THEN amount ELSE 0 END, CASE dimension WHEN 'wallMs' THEN amount ELSE 0 END, 0, 0, 0
  FROM charges WHERE `;

export function createLedgerSums(database: DatabaseSync, meta: Meta): LedgerSums {
  const ofRun = database.prepare(sumOne('run'));
  const ofTask = database.prepare(sumOne('task'));
  const closedUntil = (): number => Number(meta.get(CLOSED_UNTIL) ?? 0);
  return {
    closeDays: (now) => {
      const [from, until] = [closedUntil(), dayOf(now)];
      if (until <= from) return;
      transact(database, () => {
        for (const kind of ['org', 'team', 'agent'] as const) closeDays(database, { kind, from, until });
        meta.set(CLOSED_UNTIL, String(until));
      });
    },
    all: (now) => {
      const found = new Map<string, { scope: Scope; counter: Counter }>();
      for (const [window, from] of windowDays(now)) {
        for (const row of database.prepare(sumAll(closedUntil())).iterate({ from })) {
          const scope = { kind: BudgetScopeKind.parse(row.kind), id: String(row.id) };
          const key = `${scope.kind}:${scope.id}`;
          const entry = found.get(key) ?? { scope, counter: new Counter(now) };
          entry.counter.count(window, amountsOf(row));
          found.set(key, entry);
        }
      }
      return found;
    },
    one: (scope, now) => countOne(scope.kind === 'run' ? ofRun : ofTask, scope.id, now),
  };
}

function countOne(statement: StatementSync, id: string, now: number): Counter {
  const counter = new Counter(now);
  for (const [window, from] of windowDays(now)) {
    const row = statement.get({ id, from });
    if (!row) continue;
    counter.count(window, amountsOf(row));
    if (window === 'total') counter.count('reserved', reservedOf(row));
  }
  return counter;
}

/** Days that lie ahead, after a clock was set back, count as today: that opens no new budget. */
function windowDays(now: number): [BudgetWindow, number][] {
  const first = { day: dayOf(now), month: dayOf(monthStart(now)), total: -1 };
  return BUDGET_WINDOWS.map((window) => [window, first[window]]);
}

function sumOne(column: 'run' | 'task'): string {
  return `SELECT sum(usd) AS usd, sum(tokens) AS tokens, sum(calls) AS calls, sum(egress) AS egress, sum(wall) AS wall,
    sum(reserved_usd) AS reserved_usd, sum(reserved_tokens) AS reserved_tokens, sum(reserved_calls) AS reserved_calls
    FROM (${ROWS} ${column} = :id UNION ALL ${CHARGES} ${column} = :id) WHERE day >= :from`;
}

/** Closed days and the rows since, per org, team and agent. */
function sumAll(closedUntil: number): string {
  const since = `(${ROWS} started_at >= ${closedUntil * DAY_MS} UNION ALL ${CHARGES} day >= ${closedUntil})`;
  const open = (['org', 'team', 'agent'] as const)
    .map((kind) => `SELECT '${kind}' AS kind, ${idOf(kind)} AS id, day, usd, tokens, calls, egress, wall FROM ${since}`)
    .join(' UNION ALL ');
  return `SELECT kind, id, sum(usd) AS usd, sum(tokens) AS tokens, sum(calls) AS calls, sum(egress) AS egress,
    sum(wall) AS wall FROM (SELECT kind, id, day, usd, tokens, calls, egress, wall FROM spent_days UNION ALL ${open})
    WHERE day >= :from AND id IS NOT NULL GROUP BY kind, id`;
}

function closeDays(
  database: DatabaseSync,
  { kind, from, until }: { kind: 'org' | 'team' | 'agent'; from: number; until: number },
): void {
  const time = `started_at >= ${from * DAY_MS} AND started_at < ${until * DAY_MS}`;
  database.exec(`INSERT INTO spent_days (kind, id, day, usd, tokens, calls, egress, wall)
    SELECT '${kind}', ${idOf(kind)} AS id, day, ${SUMS} FROM (${ROWS} ${time} UNION ALL ${CHARGES} day >= ${from} AND day < ${until})
    WHERE ${idOf(kind)} IS NOT NULL GROUP BY 2, 3
    ON CONFLICT (kind, id, day) DO UPDATE SET usd = usd + excluded.usd, tokens = tokens + excluded.tokens,
      calls = calls + excluded.calls, egress = egress + excluded.egress, wall = wall + excluded.wall`);
}

function idOf(kind: 'org' | 'team' | 'agent'): string {
  return kind === 'org' ? `'${ORG_ID}'` : kind;
}

function amountsOf(row: Record<string, unknown>): Amounts {
  const amount = (name: string): number => Number(row[name] ?? 0);
  return [amount('usd'), amount('tokens'), amount('calls'), amount('egress'), amount('wall')];
}

/** Blocks of traffic are not told apart: they are small, and count as used. */
function reservedOf(row: Record<string, unknown>): Amounts {
  return [Number(row.reserved_usd ?? 0), Number(row.reserved_tokens ?? 0), Number(row.reserved_calls ?? 0), 0, 0];
}
