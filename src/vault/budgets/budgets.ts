import type { DatabaseSync } from 'node:sqlite';
import type { HoldfastError } from '../../protocol/error.ts';
import type { EgressMeter } from '../egress/meter.ts';
import { createGroupWriter, type GroupWriter } from '../store/group-writer.ts';
import type { Meta } from '../store/meta.ts';
import { createCharges } from './charges.ts';
import { createEgressBudget, type EgressBudget } from './egress-budget.ts';
import { createEgressMeter } from './egress-meter.ts';
import { createLedgerSums } from './ledger-sums.ts';
import { createLimits, type Limits } from './limits.ts';
import { createPayers, type Payers } from './payers.ts';
import { createRoom, type Room } from './room.ts';
import { createSpending, type Spending } from './spending.ts';
import { createTeams, type Teams } from './teams.ts';
import { createWallTime, type WallTime } from './wall-time.ts';
import { createWarnings, type Warnings } from './warnings.ts';

/** Budgets, whole: caps, who pays, what is spent, and the walls for calls, traffic and time. */
export interface Budgets extends Disposable {
  readonly limits: Limits;
  readonly teams: Teams;
  readonly payers: Payers;
  readonly spending: Spending;
  readonly warnings: Warnings;
  readonly room: Room;
  readonly egress: EgressBudget;
  readonly egressMeter: EgressMeter;
  readonly wallTime: WallTime;
  /** The ledger's hand, shared by everything that writes into it. */
  readonly writer: GroupWriter;
}

export interface BudgetsDeps {
  readonly database: DatabaseSync;
  readonly path: string;
  readonly meta: Meta;
  readonly now: () => number;
  readonly onWriteError: (error: HoldfastError) => void;
}

export function createBudgets(deps: BudgetsDeps): Budgets {
  const { database, meta, now } = deps;
  chargeWhatWasLeft(database, now());
  const writer = createGroupWriter(deps);
  const sums = createLedgerSums(database, meta);
  sums.closeDays(now());
  const limits = createLimits(database);
  const teams = createTeams(database);
  const payers = createPayers({ database, teams });
  const warnings = createWarnings(database, now);
  const spending = createSpending({ limits, sums, warnings, now, flush: writer.flush });
  const charges = createCharges(database, writer);
  const room = createRoom(spending);
  limits.onChange(room.changed);
  const egress = createEgressBudget({ spending, charges, payers, now });
  const egressMeter = createEgressMeter(egress);
  return {
    limits,
    teams,
    payers,
    spending,
    warnings,
    room,
    egress,
    egressMeter,
    wallTime: createWallTime({ spending, charges, now }),
    writer,
    [Symbol.dispose]: () => {
      room[Symbol.dispose]();
      egressMeter[Symbol.dispose]();
    },
  };
}

/** What a dead process left reserved may be spent, so the whole of it stays charged. */
function chargeWhatWasLeft(database: DatabaseSync, now: number): void {
  database
    .prepare(
      `UPDATE calls SET state = 'estimated', cost_nano = reserved_nano, tokens = reserved_tokens, finished_at = ?
       WHERE state = 'reserved'`,
    )
    .run(now);
}
