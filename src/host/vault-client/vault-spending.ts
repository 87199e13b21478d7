import type { z } from 'zod';
import {
  BudgetWarnings,
  RoomAnswer,
  type RoomRequest,
  SpendingView,
  WallTimeAnswer,
  type WallTimeRequest,
} from '../../protocol/budget.ts';
import type { AskVault } from './vault-egress.ts';

/** The vault's part in budgets: the host reads, asks for room and adds running time, and changes no cap. */
export interface VaultSpending {
  view(): Promise<SpendingView>;
  /** Whether it fits now, or within `waitMs`. */
  room(request: z.input<typeof RoomRequest>, signal: AbortSignal): Promise<RoomAnswer>;
  addTime(request: z.input<typeof WallTimeRequest>): Promise<WallTimeAnswer>;
  warnings(after: number): Promise<BudgetWarnings>;
}

export function createVaultSpending(ask: AskVault): VaultSpending {
  return {
    view: () => ask('/spending', SpendingView),
    room: (request, signal) => ask('/budget-room', RoomAnswer, { method: 'POST', body: request, signal }),
    addTime: (request) => ask('/wall-time', WallTimeAnswer, { method: 'POST', body: request }),
    warnings: (after) => ask(`/budget-warnings?after=${after}`, BudgetWarnings),
  };
}
