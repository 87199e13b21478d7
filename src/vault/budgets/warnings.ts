import type { DatabaseSync } from 'node:sqlite';
import { type BudgetRefusal, BudgetWarning, type LimitRef, WARNING_PERCENTS } from '../../protocol/budget.ts';
import { fromCounted } from './amounts.ts';
import { windowStart } from './calendar.ts';
import type { Counter } from './counter.ts';
import { type Cap, scopeKey } from './limits.ts';
import type { Payer, Scope } from './payers.ts';

/**
 * Warnings at 50, 80 and 100 percent of a cap: each once per window and cap, as durable rows with a rising number, which
 * the host reads from where it stopped. What counts is what was really used; reservations warn nobody.
 */
export interface Warnings {
  /** After something was settled. */
  look(passed: { scope: Scope; caps: readonly Cap[]; counter: Counter; payer: Payer }): void;
  /** Something was refused at a cap. */
  reached(refusal: BudgetRefusal, payer: Payer): void;
  after(seq: number): { warnings: BudgetWarning[]; last: number };
}

type Percent = (typeof WARNING_PERCENTS)[number];

interface Warning extends LimitRef {
  readonly percent: Percent;
  readonly cap: number;
  readonly spent: number;
}

const MOST_AT_ONCE = 200;
const REMEMBERED = 20_000;

export function createWarnings(database: DatabaseSync, now: () => number): Warnings {
  const insert = database.prepare(
    `INSERT INTO budget_warnings (kind, id, dimension, period, window_start, percent, cap, spent, agent, run, at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  const select = database.prepare(`SELECT * FROM budget_warnings WHERE seq > ? ORDER BY seq LIMIT ${MOST_AT_ONCE}`);
  const newest = database.prepare('SELECT max(seq) AS last FROM budget_warnings');
  /** The highest percentage said per cap and window: saves the database a look at every call. */
  const said = new Map<string, number>();

  const say = (warning: Warning, payer: Payer): void => {
    const { kind, id, dimension, window, percent, cap, spent } = warning;
    const start = windowStart(window, now());
    const key = `${scopeKey(warning)} ${dimension} ${window} ${start} ${cap}`;
    if ((said.get(key) ?? 0) >= percent) return;
    if (said.size >= REMEMBERED) said.clear();
    said.set(key, percent);
    insert.run(kind, id, dimension, window, start, percent, cap, spent, payer.agent, payer.run, now());
  };
  return {
    look: ({ scope, caps, counter, payer }) => {
      for (const { dimension, window, d, w, cap } of caps) {
        const spent = counter.used(d, w) - counter.reserved(d);
        const percent = WARNING_PERCENTS.findLast((level) => spent > 0 && spent * 100 >= level * cap);
        if (percent === undefined) continue;
        const amounts = { cap: fromCounted(dimension, cap), spent: fromCounted(dimension, spent) };
        say({ ...scope, dimension, window, percent, ...amounts }, payer);
      }
    },
    reached: ({ kind, id, dimension, window, cap, spent }, payer) =>
      say({ kind, id, dimension, window, percent: 100, cap, spent }, payer),
    after: (seq) => ({ warnings: select.all(seq).map(toWarning), last: Number(newest.get()?.last ?? 0) }),
  };
}

function toWarning(row: Record<string, unknown>): BudgetWarning {
  const { period: window, window_start: windowStart, ...rest } = row;
  return BudgetWarning.parse({ ...rest, window, windowStart });
}
