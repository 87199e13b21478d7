import { HeadReply, type HeadRequest, HeadState, VaultEventList } from '../../protocol/audit.ts';
import type { AskVault } from './vault-egress.ts';

/** The vault's part in the audit: it signs what continues its last head, and tells what was changed at its doors. */
export interface VaultAudit {
  state(chain: string): Promise<HeadState>;
  sign(request: HeadRequest): Promise<HeadReply>;
  eventsAfter(id: number): Promise<VaultEventList['events']>;
}

export function createVaultAudit(ask: AskVault): VaultAudit {
  return {
    state: (chain) => ask(`/audit-heads/${encodeURIComponent(chain)}`, HeadState),
    sign: (request) => ask('/audit-heads', HeadReply, { method: 'POST', body: request }),
    eventsAfter: async (id) => (await ask(`/audit-events?after=${id}`, VaultEventList)).events,
  };
}
