import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import {
  amountWords,
  type BudgetWarning,
  DIMENSION_WORDS,
  scopeArgument,
  scopeWords,
  WINDOW_WORDS,
} from '../../protocol/budget.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { readAll, readOne, toStatement } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { Journal } from '../journal/journal.ts';
import type { RunStore } from '../runs/run-store.ts';
import type { VaultSpending } from '../vault-client/vault-spending.ts';

/**
 * Takes the vault's warnings into the journal, each exactly once: the row that remembers it is written in the unit of its
 * event, and a second writer fails on the row's key. So the chat of the run that passed a threshold shows it, and the
 * status, also after a restart of either process.
 */
export interface BudgetWarnings {
  /** Looks every few seconds until `signal` fires. */
  watch(signal: AbortSignal): Promise<void>;
  /** Takes what is new. */
  take(): Promise<number>;
  /** One sentence per threshold that is passed in the windows of now, the newest first. */
  current(): Promise<string[]>;
}

export interface BudgetWarningsDeps {
  readonly vault: Pick<VaultSpending, 'warnings'>;
  readonly store: Store;
  readonly sql: HostSql;
  readonly journal: Journal;
  readonly runs: RunStore;
  readonly clock: Clock;
  readonly log: Logger;
}

const LOOK_EVERY_MS = 3_000;
const MOST_SHOWN = 10;

export function createBudgetWarnings(deps: BudgetWarningsDeps): BudgetWarnings {
  const { vault, store, sql, clock, log } = deps;
  let after: number | undefined;
  const take = async (): Promise<number> => {
    after ??= await newestSeq(deps);
    let found = await vault.warnings(after);
    // A vault that was set up anew numbers from 1 again.
    if (found.last < after) found = await vault.warnings(0);
    let taken = 0;
    for (const warning of found.warnings) {
      if (await record(warning, deps)) taken += 1;
      after = warning.seq;
    }
    return taken;
  };
  return {
    take,
    watch: async (signal) => {
      for (;;) {
        await take().catch((error: unknown) => log.debug('no budget warnings', { error }));
        await clock.sleep(LOOK_EVERY_MS, signal);
      }
    },
    current: async () => {
      const rows = await readAll(store, sql.selectFrom('budget_warnings').selectAll().orderBy('at', 'desc').limit(200));
      const now = clock.now();
      const seen = new Set<string>();
      return rows
        .filter((row) => isOfNow(row, now) && !seen.has(row.scope) && seen.add(row.scope))
        .slice(0, MOST_SHOWN)
        .map((row) => row.text);
    },
  };
}

async function newestSeq({ store, sql }: BudgetWarningsDeps): Promise<number> {
  const newest = sql.selectFrom('budget_warnings').select('seq').orderBy('at', 'desc').orderBy('seq', 'desc').limit(1);
  return Number((await readOne(store, newest))?.seq ?? 0);
}

async function record(warning: BudgetWarning, { store, sql, journal, runs }: BudgetWarningsDeps): Promise<boolean> {
  const { seq, at, percent, window, windowStart } = warning;
  const known = sql.selectFrom('budget_warnings').select('seq').where('seq', '=', seq).where('at', '=', at);
  if ((await readOne(store, known)) !== undefined) return false;
  const text = sentenceOf(warning);
  const scope = `${scopeArgument(warning)} ${warning.dimension} ${window}`;
  const row = { seq, at, text, percent, scope, window, window_start: windowStart };
  const run = warning.run === null ? undefined : await runs.get(warning.run).catch(() => undefined);
  const { kind, id, dimension, cap, spent } = warning;
  const event = { type: 'budget.warned', kind, id, dimension, window, percent, cap, spent, text } as const;
  const place = { runId: run?.id, sessionId: run?.session_id ?? undefined, agentId: run?.agent_id ?? warning.agent };
  try {
    await journal.append([{ ...place, event }], [toStatement(sql.insertInto('budget_warnings').values(row))]);
    return true;
  } catch (error) {
    // Another host was first.
    if ((await readOne(store, known)) !== undefined) return false;
    throw HoldfastError.from(error);
  }
}

export function sentenceOf(warning: BudgetWarning): string {
  const { kind, id, dimension, window, percent, cap, spent } = warning;
  const who = kind === 'agent' ? id : scopeWords(warning);
  const what = dimension === 'usd' ? 'budget' : `budget of ${DIMENSION_WORDS[dimension]}`;
  const used = `${amountWords(dimension, spent)} of ${amountWords(dimension, cap)}`;
  return `${percent}% of the ${WINDOW_WORDS[window]} ${what} of ${who} is used: ${used}.`;
}

function isOfNow({ window, window_start: start }: { window: string; window_start: number }, now: number): boolean {
  const begin = new Date(now);
  const [year, month, day] = [begin.getUTCFullYear(), begin.getUTCMonth(), begin.getUTCDate()];
  if (window === 'day') return Number(start) === Date.UTC(year, month, day);
  return window === 'total' || Number(start) === Date.UTC(year, month, 1);
}
