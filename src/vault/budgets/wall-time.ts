import type { WallTimeAnswer } from '../../protocol/budget.ts';
import { only } from './amounts.ts';
import type { Charges } from './charges.ts';
import type { Payer } from './payers.ts';
import { refused } from './refused.ts';
import type { Spending } from './spending.ts';

/** Running time, which the host asks for before a run uses it. It can only be added to. */
export interface WallTime {
  add(payer: Payer, time: { addMs: number; id: string; used: boolean }): WallTimeAnswer;
}

export interface WallTimeDeps {
  readonly spending: Spending;
  readonly charges: Charges;
  readonly now: () => number;
}

/** Runs whose newest request is remembered, so that a repeated one counts once. */
const REMEMBERED = 20_000;

export function createWallTime({ spending, charges, now }: WallTimeDeps): WallTime {
  const newest = new Map<string, string>();
  return {
    add: (payer, { addMs, id, used }) => {
      const run = payer.run ?? '';
      if (newest.get(run) === id) return { granted: true };
      const at = now();
      const amounts = only('wallMs', addMs);
      if (used) spending.add(payer, amounts);
      else {
        const refusal = spending.admit(payer, amounts);
        if (refusal !== undefined) return { granted: false, refusal: refused(refusal) };
        spending.settle(payer, { at, reserved: amounts, cost: amounts });
      }
      charges.add(payer, { dimension: 'wallMs', amount: addMs, at });
      if (newest.size >= REMEMBERED) newest.clear();
      newest.set(run, id);
      return { granted: true };
    },
  };
}
