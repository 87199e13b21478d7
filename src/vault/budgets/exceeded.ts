import {
  amountWords,
  type BudgetRefusal,
  DIMENSION_WORDS,
  ORG_ID,
  scopeArgument,
  scopeWords,
  WINDOW_WORDS,
} from '../../protocol/budget.ts';
import { HoldfastError } from '../../protocol/error.ts';

const FLAGS = { day: '--daily', month: '--monthly', total: '--total' } as const;
const NEXT = {
  day: ', or wait for the next day (UTC)',
  month: ', or wait for the next month (UTC)',
  total: '',
} as const;

/** A refusal as the error that callers get: which wall, how high, what is missing and who can raise it. */
export function exceeded(refusal: BudgetRefusal): HoldfastError {
  const { kind, id, dimension, window, cap, spent, needed, temporary } = refusal;
  const who = kind === 'agent' ? id : scopeWords(refusal);
  const words = (amount: number): string => amountWords(dimension, amount);
  const what = dimension === 'usd' ? 'budget' : `budget of ${DIMENSION_WORDS[dimension]}`;
  const missing = temporary ? ' Calls under way hold what is missing.' : '';
  const set = `holdfast budget ${scopeArgument({ kind, id: kind === 'org' ? ORG_ID : id })} ${FLAGS[window]} …`;
  return new HoldfastError(
    'budget.exceeded',
    `The ${WINDOW_WORDS[window]} ${what} of ${who} is ${words(cap)}; ${words(spent)} are spent or reserved and this needs up to ${words(needed)}.${missing}`,
    {
      remedy: `Raise it with \`${set}${dimension === 'usd' ? '' : ` --of ${dimension}`}\`, ask for less${NEXT[window]}.`,
      details: { ...refusal, agent: kind === 'agent' ? id : undefined, period: window },
      ...(temporary ? { retryable: true } : {}),
    },
  );
}
