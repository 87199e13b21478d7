import type { DatabaseSync } from 'node:sqlite';
import type { BudgetDimension } from '../../protocol/budget.ts';
import type { GroupWriter } from '../store/group-writer.ts';
import { dayOf } from './calendar.ts';
import type { Payer } from './payers.ts';

/** The ledger of what is no model call: one row per payer, dimension and day, added to before it is used. */
export interface Charges {
  /** A negative amount gives back what was added and not used. */
  add(payer: Payer, charge: { dimension: BudgetDimension; amount: number; at: number }): void;
}

export function createCharges(database: DatabaseSync, writer: GroupWriter): Charges {
  const upsert = database.prepare(
    `INSERT INTO charges (dimension, agent, team, run, task, day, amount) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (dimension, agent, team, run, task, day) DO UPDATE SET amount = amount + excluded.amount`,
  );
  return {
    add: ({ agent, team, run, task }, { dimension, amount, at }) => {
      if (amount === 0) return;
      writer.enqueue(() => upsert.run(dimension, agent, team ?? '', run ?? '', task ?? '', dayOf(at), amount));
    },
  };
}
