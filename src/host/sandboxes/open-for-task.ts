import type { Clock } from '../../base/clock.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { VaultCredentials } from '../vault-client/vault-credentials.ts';
import type { VaultEgress } from '../vault-client/vault-egress.ts';
import type { NetworkSource } from './network-watch.ts';

const LIFE_MS = 300_000;

/** The vault as the watch of a run's network sees it. Its envelopes are not signed: the vault holds what widens something. */
export function createNetworkSource(
  vault: { readonly egress: VaultEgress; readonly credentials: VaultCredentials },
  clock: Clock,
): NetworkSource {
  return {
    connections: (run, after) => vault.egress.connections(run, after),
    openForTask: async ({ approvalId, runId, agentId, place }) => {
      if ((await vault.egress.openForTask(runId)).includes(place)) return { state: 'open' };
      const { fingerprint } = await vault.credentials.identity();
      const issuedAt = clock.now();
      const change = { kind: 'egress-task.allow', agent: agentId, run: runId, places: [place] };
      // Named after the approval: handed in again after a crash, it is refused instead of held twice.
      const payload = { vault: fingerprint, id: approvalId, issuedAt, expiresAt: issuedAt + LIFE_MS, change };
      try {
        const result = await vault.credentials.submit({ payload: JSON.stringify(payload) });
        return result.state === 'done' ? { state: 'open' } : { state: 'held', unlock: result.unlock };
      } catch (error) {
        if (error instanceof HoldfastError && error.code === 'conflict')
          return { state: 'held', unlock: 'holdfast owner pending' };
        throw error;
      }
    },
  };
}
