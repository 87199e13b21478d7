import { HoldfastError } from '../../protocol/error.ts';
import { SIMULATOR_PROVIDER } from '../../protocol/provider.ts';
import type { VaultStatus } from '../../protocol/vault-api.ts';
import type { VaultClient } from '../vault-client/vault-client.ts';

export type ProviderEntry = VaultStatus['providers'][number];

/** Which providers the vault knows. Kept until one is missing or a call failed, then asked anew. */
export interface ProviderDirectory {
  find(provider: string, signal: AbortSignal): Promise<ProviderEntry>;
  forget(): void;
}

export function createProviderDirectory(vault: Pick<VaultClient, 'status'>): ProviderDirectory {
  let known: readonly ProviderEntry[] | undefined;
  return {
    find: async (provider, signal) => {
      const cached = known?.find(({ id }) => id === provider);
      if (cached !== undefined) return cached;
      const { locked, providers } = await vault.status(signal);
      if (locked) {
        throw new HoldfastError('vault.locked', 'The vault is locked, so no model can be reached.', {
          remedy: 'Unlock it: `holdfast unlock`.',
        });
      }
      known = providers;
      const entry = providers.find(({ id }) => id === provider);
      if (entry !== undefined) return entry;
      throw new HoldfastError('model.unknown-provider', `No provider named ${provider} is set up.`, {
        remedy: 'Add it with `holdfast setup`, or choose a model of one that is.',
        // The simulator names itself to the vault a moment after both have started.
        retryable: provider === SIMULATOR_PROVIDER,
      });
    },
    forget: () => {
      known = undefined;
    },
  };
}
