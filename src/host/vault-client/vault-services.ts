import { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';
import { ServiceOffer, type ServiceRequestInput, ServiceResponseHead } from '../../protocol/service.ts';
import type { AskVault } from './vault-egress.ts';
import { parseJson } from './vault-errors.ts';

/** The vault's part in APIs: what an agent may use, and a request through it. Values never come here. */
export interface VaultServices {
  offers(agent: string): Promise<readonly ServiceOffer[]>;
  request(
    request: ServiceRequestInput,
    signal?: AbortSignal,
  ): Promise<{ readonly head: ServiceResponseHead; readonly body: Uint8Array }>;
}

/** One request whose answer is a head and bytes. */
export type FetchVault = (
  path: string,
  call: { readonly body: object; readonly limitMs: number; readonly signal: AbortSignal | undefined },
) => Promise<{ readonly head: string; readonly bytes: Uint8Array }>;

const OfferList = z.object({ services: z.array(ServiceOffer) });
const DEFAULT_TIMEOUT_MS = 60_000;
/** The vault keeps its own deadline; ours only catches a vault that hangs. */
const GRACE_MS = 5_000;

export function createVaultServices(ask: AskVault, fetchVault: FetchVault): VaultServices {
  return {
    offers: async (agent) => (await ask(`/agent-services/${encodeURIComponent(agent)}`, OfferList)).services,
    request: async (request, signal) => {
      const limitMs = (request.timeoutMs ?? DEFAULT_TIMEOUT_MS) + GRACE_MS;
      const { head, bytes } = await fetchVault('/service-requests', { body: request, limitMs, signal });
      const parsed = ServiceResponseHead.safeParse(parseJson(Buffer.from(head, 'base64url').toString('utf8')));
      if (parsed.success) return { head: parsed.data, body: bytes };
      throw new HoldfastError('internal', 'The vault answered a request without a readable x-holdfast-fetch header.');
    },
  };
}
