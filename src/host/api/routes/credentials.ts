import { CredentialList } from '../../../protocol/credential.ts';
import {
  HeldChange,
  OwnerChangeResult,
  OwnerEnvelope,
  OwnerKeyView,
  VaultIdentity,
} from '../../../protocol/owner-change.ts';
import type { VaultCredentials } from '../../vault-client/vault-credentials.ts';
import type { ApiApp } from '../api-env.ts';
import { bounded } from '../query.ts';
import { jsonRoute } from '../route.ts';

/**
 * Credentials as the host knows them: names and grants, never a value. What changes them is an envelope that the owner's
 * page or program sealed and signed; the host hands it on as it came, and the vault decides.
 */
export function credentialRoutes(app: ApiApp, vault: VaultCredentials): void {
  const get = { method: 'get' } as const;
  jsonRoute(
    app,
    { ...get, path: '/api/credentials', summary: 'Names of credentials and who may use them.', reply: CredentialList },
    () => vault.list(),
  );
  jsonRoute(
    app,
    {
      ...get,
      path: '/api/vault-identity',
      summary: 'The key to seal values to. Compare its fingerprint with `holdfast credentials fingerprint`.',
      reply: VaultIdentity,
    },
    () => vault.identity(),
  );
  jsonRoute(
    app,
    { ...get, path: '/api/owner-keys', summary: 'Keys that may sign for the owner.', reply: OwnerKeyView.array() },
    async () => bounded(await vault.ownerKeys()),
  );
  jsonRoute(
    app,
    {
      ...get,
      path: '/api/owner-changes',
      summary: "Changes that wait for the owner's word.",
      reply: HeldChange.array(),
    },
    async () => bounded(await vault.held()),
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/owner-changes',
      summary: 'Hands an envelope to the vault: done if an owner key signed it or it only takes away, else held.',
      body: OwnerEnvelope,
      reply: OwnerChangeResult,
      refuses: [403, 409],
    },
    ({ body }) => vault.submit(body),
  );
}
