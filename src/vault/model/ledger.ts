import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { HoldfastError } from '../../protocol/error.ts';
import type { CallRecord } from '../../protocol/vault-api.ts';
import type { Amounts } from '../budgets/amounts.ts';
import type { Budgets } from '../budgets/budgets.ts';
import { exceeded } from '../budgets/exceeded.ts';
import type { Payer } from '../budgets/payers.ts';
import { isDuplicate } from '../store/group-writer.ts';
import { type NanoUsd, toUsd } from './pricing.ts';
import type { MeteredUsage } from './usage.ts';

/**
 * The ledger of model calls.
 *
 * - A call is reserved at its worst case before anything is sent, against every cap of every scope it belongs to, and its
 *   row is committed before `reserve` resolves.
 * - Reservations and settlements of one turn of the event loop commit together (group commit).
 * - A row leaves `reserved` exactly once (`WHERE state = 'reserved'`). What a dead process left reserved becomes
 *   `estimated` at the next start: the money may be spent, so it stays charged.
 */
export interface NewCall {
  readonly callId: string;
  readonly payer: Payer;
  readonly provider: string;
  readonly model: string;
  readonly reserved: Reservation;
}

/** The most that a call can use. */
export interface Reservation {
  readonly nano: NanoUsd;
  readonly tokens: number;
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
  /** Which key it was made with, for its row. */
  madeWith(key: string): void;
}

export interface LedgerDeps {
  readonly database: DatabaseSync;
  readonly budgets: Pick<Budgets, 'spending' | 'writer'>;
  readonly now: () => number;
}

export class Ledger {
  readonly #deps: LedgerDeps;
  readonly #insert: StatementSync;
  readonly #settle: StatementSync;
  readonly #select: StatementSync;

  constructor(deps: LedgerDeps) {
    this.#deps = deps;
    const { database } = deps;
    this.#insert = database.prepare(
      `INSERT INTO calls (call_id, agent, team, run, task, provider, model, state, reserved_nano, reserved_tokens, started_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, 'reserved', ?, ?, ?)`,
    );
    this.#settle = database.prepare(
      `UPDATE calls SET state = ?, cost_nano = ?, tokens = ?, input_tokens = ?, output_tokens = ?, cached_tokens = ?,
       cache_write_tokens = ?, reasoning_tokens = ?, key = ?, finished_at = ? WHERE call_id = ? AND state = 'reserved'`,
    );
    this.#select = database.prepare('SELECT * FROM calls WHERE call_id = ?');
  }

  /** Throws `budget.exceeded`, `conflict` for a call id seen before, or the database's error; then nothing is counted. */
  async reserve(call: NewCall): Promise<OpenCall> {
    const { budgets, now } = this.#deps;
    const at = now();
    const needs = amountsOf(call.reserved);
    const refusal = budgets.spending.admit(call.payer, needs);
    if (refusal !== undefined) throw exceeded(refusal);
    try {
      await budgets.writer.write(() => {
        const { callId, payer, provider, model, reserved } = call;
        const { agent, team, run, task } = payer;
        this.#insert.run(callId, agent, team, run, task, provider, model, reserved.nano, reserved.tokens, at);
      });
    } catch (error) {
      budgets.spending.settle(call.payer, { at, reserved: needs, cost: [0, 0, 0, 0, 0] });
      throw isDuplicate(error) ? repeated(call.callId) : error;
    }
    return this.#open(call, at);
  }

  find(callId: string): CallRecord | undefined {
    this.#deps.budgets.writer.flush();
    const row = this.#select.get(callId);
    return row ? toRecord(row) : undefined;
  }

  #open(call: NewCall, at: number): OpenCall {
    let open = true;
    let key: string | null = null;
    return {
      callId: call.callId,
      finish: (outcome) => {
        if (!open) return;
        open = false;
        this.#finish(call, { at, key }, outcome);
      },
      madeWith: (name) => {
        key = name;
      },
    };
  }

  #finish(
    { callId, payer, reserved }: NewCall,
    { at, key }: { at: number; key: string | null },
    outcome: CallOutcome,
  ): void {
    const { budgets, now } = this.#deps;
    const finishedAt = now();
    const usage = outcome.state === 'settled' ? outcome.usage : undefined;
    const used = usedBy(outcome, reserved);
    budgets.spending.settle(payer, { at, reserved: amountsOf(reserved), cost: amountsOf(used) });
    budgets.writer.enqueue(() => {
      const { inputTokens = null, outputTokens = null, cachedInputTokens: cached = null } = usage ?? {};
      const { cacheWriteTokens: written = null, reasoningTokens: reasoning = null } = usage ?? {};
      const { nano, tokens } = used;
      const counts = [tokens, inputTokens, outputTokens, cached, written, reasoning] as const;
      this.#settle.run(outcome.state, nano, ...counts, key, finishedAt, callId);
    });
  }
}

/** A call counts as one from its reservation on, whatever becomes of it. */
function amountsOf({ nano, tokens }: Reservation): Amounts {
  return [nano, tokens, 1, 0, 0];
}

function usedBy(outcome: CallOutcome, reserved: Reservation): Reservation {
  if (outcome.state === 'released') return { nano: 0, tokens: 0 };
  if (outcome.state === 'estimated') return reserved;
  const { inputTokens, outputTokens } = outcome.usage;
  return { nano: outcome.costNano, tokens: inputTokens + outputTokens };
}

function repeated(callId: string): HoldfastError {
  return new HoldfastError('conflict', `The call id ${callId} was used before.`, {
    remedy: 'Give every attempt an id of its own.',
  });
}

const STATES = ['reserved', 'settled', 'estimated', 'released'] as const;

function toRecord(row: Record<string, unknown>): CallRecord {
  const count = (value: unknown): number | null => (typeof value === 'number' ? value : null);
  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  const state = STATES.find((known) => known === row.state);
  if (!state) throw new HoldfastError('storage.corrupt', `A ledger row has the unknown state ${String(row.state)}.`);
  return {
    callId: String(row.call_id),
    agent: String(row.agent),
    team: text(row.team),
    run: text(row.run),
    task: text(row.task),
    provider: String(row.provider),
    model: String(row.model),
    key: text(row.key),
    state,
    reservedUsd: toUsd(Number(row.reserved_nano)),
    costUsd: toUsd(Number(row.cost_nano)),
    tokens: Number(row.tokens),
    inputTokens: count(row.input_tokens),
    outputTokens: count(row.output_tokens),
    cachedInputTokens: count(row.cached_tokens),
    reasoningTokens: count(row.reasoning_tokens),
    startedAt: Number(row.started_at),
    finishedAt: count(row.finished_at),
  };
}
