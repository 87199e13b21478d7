import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { VaultClient } from '../vault-client/vault-client.ts';
import type { ModelCost } from './model.ts';

export interface CostDeps {
  readonly vault: Pick<VaultClient, 'call'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** The vault settles in the moment the stream ends, so its row may be a few milliseconds behind us. */
const WAITS_MS = [2, 5, 10, 25, 50, 100, 200, 400];

/** What the call cost by the vault's ledger; undefined when the vault cannot say. */
export async function lookUpCost(callId: string, deps: CostDeps): Promise<ModelCost | undefined> {
  const { vault, clock, log, signal } = deps;
  try {
    for (let attempt = 0; ; attempt++) {
      const row = await vault.call(callId, signal);
      if (row.state !== 'reserved') return { usd: row.costUsd, estimated: row.state === 'estimated' };
      const wait = WAITS_MS[attempt];
      // Still open: the reservation is what the budget shows for it now.
      if (wait === undefined) return { usd: row.reservedUsd, estimated: true };
      await clock.sleep(wait, signal);
    }
  } catch (error) {
    log.warn('cost of a model call is unknown', { callId, error });
    return undefined;
  }
}
