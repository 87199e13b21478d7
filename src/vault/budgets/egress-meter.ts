import type { EgressMeter } from '../egress/meter.ts';
import type { EgressAllowance, EgressBudget } from './egress-budget.ts';

/**
 * The egress proxy's view of the budget: it reports each chunk of an agent's run and hears why no more may go. One allowance
 * is held per agent and run, however many connections there are, and is given back once nothing moved for a while.
 */
interface Held {
  readonly allowance: EgressAllowance;
  /** Something moved since the last sweep. */
  moved: boolean;
}

const SWEEP_MS = 5_000;

export function createEgressMeter(budget: EgressBudget): EgressMeter & Disposable {
  const held = new Map<string, Held>();
  const letGo = (key: string, { allowance }: Held): void => {
    held.delete(key);
    allowance.close();
  };
  const sweep = (): void => {
    for (const [key, one] of held) {
      if (one.moved) one.moved = false;
      else letGo(key, one);
    }
  };
  const timer = setInterval(sweep, SWEEP_MS);
  timer.unref();
  return {
    onBytes: ({ agent, run, bytes }) => {
      const key = `${agent} ${run ?? ''}`;
      const one = held.get(key) ?? { allowance: budget.open({ agent, run: run ?? null }), moved: true };
      held.set(key, one);
      one.moved = true;
      if (one.allowance.take(bytes)) return undefined;
      const { refusal } = one.allowance;
      // The next chunk asks anew: the owner may have raised the cap.
      letGo(key, one);
      return refusal === undefined ? 'the budget is used up' : `${refusal.message} ${refusal.remedy ?? ''}`.trim();
    },
    [Symbol.dispose]: () => {
      clearInterval(timer);
      for (const [key, one] of held) letGo(key, one);
    },
  };
}
