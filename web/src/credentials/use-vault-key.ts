import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { VaultIdentity } from '../../../src/protocol/owner-change.ts';
import { useApp } from '../app-context.tsx';
import { type NamedError, toNamedError } from '../ui/basics.tsx';
import { checkedIdentity } from './seal.ts';

/**
 * The vault's key as the host hands it out, held against the fingerprint that the owner compared once in this browser. Any
 * other key is shown as what it is, and nothing is sealed to it.
 */
export type VaultKey =
  | { readonly state: 'loading' }
  | { readonly state: 'failed'; readonly error: NamedError }
  | { readonly state: 'new'; readonly identity: VaultIdentity; pin(): void }
  | { readonly state: 'pinned'; readonly identity: VaultIdentity }
  | { readonly state: 'changed'; readonly identity: VaultIdentity; readonly pinned: string; pin(): void };

const NAME = 'holdfast.vault-fingerprint';

export function useVaultKey(): VaultKey {
  const { api } = useApp();
  const [pinned, setPinned] = useState(() => localStorage.getItem(NAME));
  const { data, error } = useQuery({
    queryKey: ['vault-identity'],
    queryFn: async () => checkedIdentity(await api.vaultIdentity()),
    refetchInterval: 60_000,
  });
  if (error) return { state: 'failed', error: toNamedError(error) };
  if (!data) return { state: 'loading' };
  const pin = () => {
    localStorage.setItem(NAME, data.fingerprint);
    setPinned(data.fingerprint);
  };
  if (pinned === null) return { state: 'new', identity: data, pin };
  if (pinned === data.fingerprint) return { state: 'pinned', identity: data };
  return { state: 'changed', identity: data, pinned, pin };
}
