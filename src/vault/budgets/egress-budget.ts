import type { BudgetRefusal } from '../../protocol/budget.ts';
import type { HoldfastError } from '../../protocol/error.ts';
import { only } from './amounts.ts';
import type { Charges } from './charges.ts';
import { exceeded } from './exceeded.ts';
import type { Payer, Payers } from './payers.ts';
import type { Spending } from './spending.ts';

/**
 * Bytes of a sandbox's connections. A connection takes a block before it carries it, a new one when half of it is used
 * up, and gives back what is left at its end. A block is in the ledger before its second half is used, so a vault that is
 * killed has charged what went through, and a little more.
 */
export interface EgressBudget {
  /** For one connection; nothing is taken yet. */
  open(who: { agent: string; run: string | null }): EgressAllowance;
}

export interface EgressAllowance {
  /** Counts bytes that are about to pass. False once a cap is reached: then the connection must be cut. */
  take(bytes: number): boolean;
  /** Why `take` said no. */
  readonly refusal: HoldfastError | undefined;
  /** Gives back what was not used. Idempotent. */
  close(): void;
}

const FIRST_BLOCK = 65_536;
const LARGEST_BLOCK = 1_048_576;

export interface EgressBudgetDeps {
  readonly spending: Spending;
  readonly charges: Charges;
  readonly payers: Payers;
  readonly now: () => number;
}

export function createEgressBudget(deps: EgressBudgetDeps): EgressBudget {
  return { open: ({ agent, run }) => new Allowance(deps, deps.payers.of({ agent, run, task: null })) };
}

class Allowance implements EgressAllowance {
  readonly #deps: EgressBudgetDeps;
  readonly #payer: Payer;
  #block = { at: 0, size: 0, used: 0 };
  #nextSize = FIRST_BLOCK;
  #refused: BudgetRefusal | undefined;
  #closed = false;

  constructor(deps: EgressBudgetDeps, payer: Payer) {
    this.#deps = deps;
    this.#payer = payer;
  }

  get refusal(): HoldfastError | undefined {
    return this.#refused && exceeded(this.#refused);
  }

  take(bytes: number): boolean {
    if (this.#closed || this.#refused !== undefined) return false;
    const isEnough = this.#block.size > 0 && this.#block.used + bytes <= this.#block.size / 2;
    if (!isEnough && !this.#renew(bytes)) {
      if (bytes === 0) return false;
      // These bytes have arrived at the vault: they count although they go no further.
      this.#deps.spending.add(this.#payer, only('egressBytes', bytes));
      this.#charge(bytes, this.#deps.now());
      return false;
    }
    this.#block.used += bytes;
    return true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#giveBack();
  }

  /** A fresh block; near the cap one of just these bytes. */
  #renew(bytes: number): boolean {
    this.#giveBack();
    for (const size of [Math.max(this.#nextSize, 2 * bytes), Math.max(1, bytes)]) {
      this.#refused = this.#deps.spending.admit(this.#payer, only('egressBytes', size));
      if (this.#refused !== undefined) continue;
      this.#block = { at: this.#deps.now(), size, used: 0 };
      this.#nextSize = Math.min(LARGEST_BLOCK, this.#nextSize * 2);
      this.#charge(size, this.#block.at);
      return true;
    }
    return false;
  }

  #giveBack(): void {
    const { at, size, used } = this.#block;
    if (size === 0) return;
    this.#deps.spending.settle(this.#payer, {
      at,
      reserved: only('egressBytes', size),
      cost: only('egressBytes', used),
    });
    this.#charge(used - size, at);
    this.#block = { at: 0, size: 0, used: 0 };
  }

  #charge(amount: number, at: number): void {
    this.#deps.charges.add(this.#payer, { dimension: 'egressBytes', amount, at });
  }
}
