import type { BudgetRefusal, RoomAnswer } from '../../protocol/budget.ts';
import { exceeded } from './exceeded.ts';

/** A refusal as the answer of a route that is no model call. */
export function refused(refusal: BudgetRefusal): NonNullable<RoomAnswer['refusal']> {
  const { code, message, remedy } = exceeded(refusal);
  return { code, message, ...(remedy === undefined ? {} : { remedy }), details: refusal };
}
