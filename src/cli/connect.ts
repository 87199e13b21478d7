import type { Home } from '../base/home.ts';
import { type ApiClient, createApiClient } from './api-client.ts';
import { createVaultCredentials, type VaultCredentials } from './credentials/vault-credentials.ts';
import { createOwnerTotp, type OwnerTotp } from './people/vault-totp.ts';
import { createVaultCall, createVaultOwner, type VaultCall, type VaultOwner } from './vault-owner.ts';
import { createVaultServices, type VaultServices } from './vault-services.ts';

/** The host of a home, over its unix socket: whoever can open it is the owner. */
export function hostOf(home: Home): ApiClient {
  return createApiClient({ socketPath: home.hostSocket });
}

export function vaultOf(home: Home): VaultOwner {
  return createVaultOwner({ socketPath: home.vaultOwnerSocket });
}

/** A login may wait for the provider as long as the vault does. */
const LOGIN_TIMEOUT_MS = 60_000;

export function servicesOf(home: Home): VaultServices {
  return createVaultServices(createVaultCall({ socketPath: home.vaultOwnerSocket, timeoutMs: LOGIN_TIMEOUT_MS }));
}

/** The owner's second factor. */
export function totpOf(home: Home): OwnerTotp {
  return createOwnerTotp(createVaultCall({ socketPath: home.vaultOwnerSocket }));
}

/** The vault's credentials, owner keys and kill switch. */
export function credentialsOf(home: Home): VaultCredentials {
  return createVaultCredentials(createVaultCall({ socketPath: home.vaultOwnerSocket }));
}

/** The owner's socket itself. */
export function vaultCallOf(home: Home): VaultCall {
  return createVaultCall({ socketPath: home.vaultOwnerSocket });
}
