import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { HoldfastError } from '../../protocol/error.ts';
import type { CallRecord } from '../../protocol/vault-api.ts';
import { checkpoint, databaseError, transact } from '../store/database.ts';
import type { Budgets } from './budgets.ts';
import { type NanoUsd, toUsd } from './pricing.ts';
import { monthStart, type Spending, type Spent } from './spending.ts';
import type { MeteredUsage } from './usage.ts';

/**
 * The ledger of model calls: the wall that money stops at.
 *
 * - A call is reserved at its worst-case cost before anything is sent, and its row is committed before `reserve` resolves.
 *   Caps are checked in the same turn in which the reservation is counted, and this process alone writes the database,
 *   so any number of parallel calls sees each other's reservations.
 * - Reservations and settlements of one turn of the event loop commit together (group commit).
 * - A row leaves `reserved` exactly once (`WHERE state = 'reserved'`). What a dead process left reserved becomes
 *   `estimated` at the next start: the money may be spent, so it stays charged.
 */
export interface NewCall {
  readonly callId: string;
  readonly agent: string;
  readonly run: string | null;
  readonly provider: string;
  readonly model: string;
  readonly reservedNano: NanoUsd;
}

export type CallOutcome =
  | { state: 'settled'; costNano: NanoUsd; usage: MeteredUsage }
  /** The whole reservation stays charged. */
  | { state: 'estimated' }
  | { state: 'released' };

export interface OpenCall {
  readonly callId: string;
  /** Idempotent: the first outcome counts. */
  finish(outcome: CallOutcome): void;
}

export interface LedgerDeps {
  readonly database: DatabaseSync;
  readonly path: string;
  readonly budgets: Budgets;
  readonly spending: Spending;
  readonly now: () => number;
  readonly onWriteError: (error: HoldfastError) => void;
}

interface Write {
  run(): void;
  resolve?: () => void;
  reject?: (error: HoldfastError) => void;
}

const DUPLICATE = /UNIQUE constraint failed/;

export class Ledger {
  readonly #deps: LedgerDeps;
  readonly #insert: StatementSync;
  readonly #settle: StatementSync;
  readonly #select: StatementSync;
  #queue: Write[] = [];
  #scheduled = false;
  #unsynced = false;

  constructor(deps: LedgerDeps) {
    this.#deps = deps;
    const { database } = deps;
    this.#insert = database.prepare(
      `INSERT INTO calls (call_id, agent, run, provider, model, state, reserved_nano, started_at)
       VALUES (?, ?, ?, ?, ?, 'reserved', ?, ?)`,
    );
    this.#settle = database.prepare(
      `UPDATE calls SET state = ?, cost_nano = ?, input_tokens = ?, output_tokens = ?, cached_tokens = ?,
       cache_write_tokens = ?, reasoning_tokens = ?, finished_at = ? WHERE call_id = ? AND state = 'reserved'`,
    );
    this.#select = database.prepare('SELECT * FROM calls WHERE call_id = ?');
    this.#recover();
  }

  /** Throws `budget.exceeded`, `conflict` for a call id seen before, or the database's error; then nothing is counted. */
  async reserve(call: NewCall): Promise<OpenCall> {
    const at = this.#deps.now();
    this.#checkCaps(call, at);
    const { spending } = this.#deps;
    spending.reserve(call.agent, at, call.reservedNano);
    try {
      await this.#write(() => {
        const { callId, agent, run, provider, model, reservedNano } = call;
        this.#insert.run(callId, agent, run, provider, model, reservedNano, at);
      });
    } catch (error) {
      spending.forget(call.agent, { at, now: this.#deps.now(), reserved: call.reservedNano });
      throw error instanceof Error && DUPLICATE.test(error.message) ? repeated(call.callId) : error;
    }
    return this.#open(call, at);
  }

  find(callId: string): CallRecord | undefined {
    this.flush();
    const row = this.#select.get(callId);
    return row ? toRecord(row) : undefined;
  }

  spent(agent: string): Spent {
    return this.#deps.spending.of(agent, this.#deps.now());
  }

  /** Commits what waits. */
  flush(): void {
    const group = this.#queue;
    if (group.length === 0) return;
    this.#queue = [];
    this.#unsynced = true;
    try {
      if (group.length === 1) runAll(group);
      else transact(this.#deps.database, () => runAll(group));
      for (const write of group) write.resolve?.();
    } catch (error) {
      const reason = databaseError(error, this.#deps.path);
      for (const write of group) {
        if (write.reject) write.reject(reason);
        else this.#deps.onWriteError(reason);
      }
    }
  }

  /** Makes what was committed survive a power cut too. */
  sync(): void {
    this.flush();
    if (!this.#unsynced) return;
    this.#unsynced = false;
    checkpoint(this.#deps.database);
  }

  #open(call: NewCall, at: number): OpenCall {
    let open = true;
    return {
      callId: call.callId,
      finish: (outcome) => {
        if (!open) return;
        open = false;
        this.#finish(call, at, outcome);
      },
    };
  }

  #finish(call: NewCall, at: number, outcome: CallOutcome): void {
    const now = this.#deps.now();
    const cost = outcome.state === 'settled' ? outcome.costNano : outcome.state === 'estimated' ? call.reservedNano : 0;
    const usage = outcome.state === 'settled' ? outcome.usage : undefined;
    this.#deps.spending.settle(call.agent, { at, now, reserved: call.reservedNano, cost });
    this.#enqueue({
      run: () => {
        const { inputTokens = null, outputTokens = null, cachedInputTokens: cached = null } = usage ?? {};
        const { cacheWriteTokens: written = null, reasoningTokens: reasoning = null } = usage ?? {};
        this.#settle.run(outcome.state, cost, inputTokens, outputTokens, cached, written, reasoning, now, call.callId);
      },
    });
  }

  #checkCaps(call: NewCall, at: number): void {
    const { budgets, spending } = this.#deps;
    const caps = budgets.of(call.agent);
    const spent = spending.of(call.agent, at);
    if (caps.daily !== null && spent.todayNano + call.reservedNano > caps.daily)
      throw exceeded(call, { period: 'daily', spent: spent.todayNano, cap: caps.daily });
    if (caps.monthly !== null && spent.monthNano + call.reservedNano > caps.monthly)
      throw exceeded(call, { period: 'monthly', spent: spent.monthNano, cap: caps.monthly });
  }

  #write(run: () => void): Promise<void> {
    return new Promise((resolve, reject) => this.#enqueue(guarded(run, resolve, reject)));
  }

  #enqueue(write: Write): void {
    this.#queue.push(write);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  #recover(): void {
    const { database, spending, now } = this.#deps;
    const at = now();
    database
      .prepare(
        `UPDATE calls SET state = 'estimated', cost_nano = reserved_nano, finished_at = ? WHERE state = 'reserved'`,
      )
      .run(at);
    const rows = database
      .prepare('SELECT agent, cost_nano, started_at FROM calls WHERE started_at >= ?')
      .iterate(monthStart(at));
    for (const row of rows) {
      spending.count(String(row.agent), { at: Number(row.started_at), now: at, cost: Number(row.cost_nano) });
    }
  }
}

/** One bad row (a repeated call id) fails alone; its neighbours in the group commit. */
function guarded(run: () => void, resolve: () => void, reject: (error: HoldfastError) => void): Write {
  let failed: unknown;
  return {
    run: () => {
      try {
        run();
      } catch (error) {
        if (!(error instanceof Error && DUPLICATE.test(error.message))) throw error;
        failed = error;
      }
    },
    resolve: () => (failed === undefined ? resolve() : reject(HoldfastError.from(failed))),
    reject,
  };
}

function runAll(group: readonly Write[]): void {
  for (const write of group) write.run();
}

function repeated(callId: string): HoldfastError {
  return new HoldfastError('conflict', `The call id ${callId} was used before.`, {
    remedy: 'Give every attempt an id of its own.',
  });
}

function exceeded(call: NewCall, wall: { period: 'daily' | 'monthly'; spent: NanoUsd; cap: NanoUsd }): HoldfastError {
  const { period, spent, cap } = wall;
  const usd = (amount: NanoUsd): string => `$${toUsd(amount).toFixed(4)}`;
  return new HoldfastError(
    'budget.exceeded',
    `The ${period} budget of ${call.agent} is ${usd(cap)}; ${usd(spent)} are spent or reserved and this call needs up to ${usd(call.reservedNano)}.`,
    {
      remedy: `Raise it with \`holdfast budget ${call.agent}\`, ask for fewer output tokens, or wait for the next ${period === 'daily' ? 'day' : 'month'} (UTC).`,
      details: {
        agent: call.agent,
        period,
        capUsd: toUsd(cap),
        spentUsd: toUsd(spent),
        neededUsd: toUsd(call.reservedNano),
      },
    },
  );
}

const STATES = ['reserved', 'settled', 'estimated', 'released'] as const;

function toRecord(row: Record<string, unknown>): CallRecord {
  const count = (value: unknown): number | null => (typeof value === 'number' ? value : null);
  const state = STATES.find((known) => known === row.state);
  if (!state) throw new HoldfastError('storage.corrupt', `A ledger row has the unknown state ${String(row.state)}.`);
  return {
    callId: String(row.call_id),
    agent: String(row.agent),
    run: typeof row.run === 'string' ? row.run : null,
    provider: String(row.provider),
    model: String(row.model),
    state,
    reservedUsd: toUsd(Number(row.reserved_nano)),
    costUsd: toUsd(Number(row.cost_nano)),
    inputTokens: count(row.input_tokens),
    outputTokens: count(row.output_tokens),
    cachedInputTokens: count(row.cached_tokens),
    reasoningTokens: count(row.reasoning_tokens),
    startedAt: Number(row.started_at),
    finishedAt: count(row.finished_at),
  };
}
