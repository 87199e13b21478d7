import type { z } from 'zod';
import {
  CredentialArchive,
  type CredentialCharset,
  CredentialFacts,
  CredentialList,
  type CredentialParts,
  ImportResult,
} from '../../protocol/credential.ts';
import { FreezeList, type FreezeView } from '../../protocol/freeze.ts';
import {
  type HeldChange,
  HeldChangeList,
  OwnerKeyList,
  type OwnerKeyRequest,
  OwnerKeyView,
  VaultIdentity,
} from '../../protocol/owner-change.ts';
import type { VaultCall } from '../vault-owner.ts';

/** The owner's client for credentials, owner keys, held changes and the kill switch. No method gives a value out. */
export interface VaultCredentials {
  list(): Promise<CredentialList>;
  add(name: string, facts: CredentialFactsInput, parts: CredentialParts): Promise<void>;
  generate(
    name: string,
    how: { facts: CredentialFactsInput; length: number; charset: CredentialCharset },
  ): Promise<void>;
  rotate(name: string, parts: CredentialParts): Promise<void>;
  remove(name: string): Promise<void>;
  grant(agent: string, glob: string): Promise<void>;
  revoke(agent: string, glob: string): Promise<void>;
  export(passphrase: string, system: boolean): Promise<CredentialArchive>;
  import(archive: CredentialArchive, passphrase: string, replace: boolean): Promise<ImportResult>;
  identity(): Promise<VaultIdentity>;
  ownerKeys(): Promise<readonly OwnerKeyView[]>;
  trust(request: OwnerKeyRequest): Promise<OwnerKeyView>;
  distrust(id: string): Promise<void>;
  held(): Promise<readonly HeldChange[]>;
  confirm(id: string): Promise<void>;
  refuse(id: string): Promise<void>;
  frozen(): Promise<readonly FreezeView[]>;
  freeze(agent: string, reason: string): Promise<void>;
  unfreeze(agent: string): Promise<void>;
}

export type CredentialFactsInput = z.input<typeof CredentialFacts>;

export function createVaultCredentials(call: VaultCall): VaultCredentials {
  const name = encodeURIComponent;
  const facts = (input: CredentialFactsInput): CredentialFacts => CredentialFacts.parse(input);
  return {
    list: async () => CredentialList.parse(await call('GET', '/credentials')),
    add: async (id, input, parts) =>
      void (await call('POST', `/credentials/${name(id)}`, { facts: facts(input), parts })),
    generate: async (id, how) =>
      void (await call('POST', `/credentials/${name(id)}/generated`, { ...how, facts: facts(how.facts) })),
    rotate: async (id, parts) => void (await call('PUT', `/credentials/${name(id)}`, parts)),
    remove: async (id) => void (await call('DELETE', `/credentials/${name(id)}`)),
    grant: async (agent, glob) => void (await call('PUT', grantPath(agent, glob))),
    revoke: async (agent, glob) => void (await call('DELETE', grantPath(agent, glob))),
    export: async (passphrase, system) =>
      CredentialArchive.parse(await call('POST', '/credential-export', { passphrase, system })),
    import: async (archive, passphrase, replace) =>
      ImportResult.parse(await call('POST', '/credential-import', { archive, passphrase, replace })),
    identity: async () => VaultIdentity.parse(await call('GET', '/identity')),
    ownerKeys: async () => OwnerKeyList.parse(await call('GET', '/owner-keys')).keys,
    trust: async (request) => OwnerKeyView.parse(await call('PUT', '/owner-keys', request)),
    distrust: async (id) => void (await call('DELETE', `/owner-keys/${name(id)}`)),
    held: async () => HeldChangeList.parse(await call('GET', '/owner-changes')).held,
    confirm: async (id) => void (await call('PUT', `/owner-changes/${name(id)}`)),
    refuse: async (id) => void (await call('DELETE', `/owner-changes/${name(id)}`)),
    frozen: async () => FreezeList.parse(await call('GET', '/freeze')).frozen,
    freeze: async (agent, reason) => void (await call('PUT', '/freeze', { agent, reason })),
    unfreeze: async (agent) => void (await call('DELETE', `/freeze/${name(agent)}`)),
  };
}

function grantPath(agent: string, glob: string): string {
  return `/credential-grants/${encodeURIComponent(agent)}/${encodeURIComponent(glob)}`;
}
