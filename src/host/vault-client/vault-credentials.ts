import { z } from 'zod';
import {
  AgentCredentialList,
  CredentialList,
  type GenerateCredential,
  GeneratedCredential,
} from '../../protocol/credential.ts';
import { FreezeList, type FreezeRequest, type FreezeView } from '../../protocol/freeze.ts';
import {
  type HeldChange,
  HeldChangeList,
  OwnerChangeResult,
  type OwnerEnvelope,
  OwnerKeyList,
  type OwnerKeyView,
  VaultIdentity,
} from '../../protocol/owner-change.ts';
import type { AskVault } from './vault-egress.ts';

/** What the host may do with credentials: read names, have one made, relay what the owner signed, and pull the kill switch. */
export interface VaultCredentials {
  list(): Promise<CredentialList>;
  /** The names that one agent may use. */
  of(agent: string): Promise<AgentCredentialList['credentials']>;
  generate(request: z.input<typeof GenerateCredential>): Promise<{ readonly name: string }>;
  identity(): Promise<VaultIdentity>;
  ownerKeys(): Promise<readonly OwnerKeyView[]>;
  held(): Promise<readonly HeldChange[]>;
  /** An envelope of the owner's, as it came. */
  submit(envelope: OwnerEnvelope): Promise<OwnerChangeResult>;
  frozen(): Promise<readonly FreezeView[]>;
  /** Stops model calls, ways out and credentials, of one agent or (`*`) of all. Only the owner ends it. */
  freeze(request: z.input<typeof FreezeRequest>): Promise<void>;
}

export function createVaultCredentials(ask: AskVault): VaultCredentials {
  return {
    list: () => ask('/credentials', CredentialList),
    of: async (agent) =>
      (await ask(`/agent-credentials/${encodeURIComponent(agent)}`, AgentCredentialList)).credentials,
    generate: (request) => ask('/generated-credentials', GeneratedCredential, { method: 'POST', body: request }),
    identity: () => ask('/identity', VaultIdentity),
    ownerKeys: async () => (await ask('/owner-keys', OwnerKeyList)).keys,
    held: async () => (await ask('/owner-changes', HeldChangeList)).held,
    submit: (envelope) => ask('/owner-changes', OwnerChangeResult, { method: 'POST', body: envelope }),
    frozen: async () => (await ask('/freeze', FreezeList)).frozen,
    freeze: async (request) => void (await ask('/freeze', z.unknown(), { method: 'PUT', body: request })),
  };
}
